"""How numba compiles functions: kernels, which Python calls, and helpers, which kernels call.

A helper becomes part of the kernels that call it. It gets neither an entry point for Python nor a
file in the cache, which were a third of the compile time; called from Python it runs uncompiled.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numba.extending import register_jitable

# NaN and infinity are respected; sums may be reordered so that they vectorise.
_OPTIONS: dict[str, Any] = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # nobody calls kernels from C
}
_njit: Any = njit  # its types do not know of all options

kernel = _njit(cache=True, nogil=True, **_OPTIONS)
helper = register_jitable(**_OPTIONS)
# Without reference counting, which takes more than half of the time of functions as small as those
# on echoes. They cannot allocate.
lean_kernel = _njit(cache=True, nogil=True, _nrt=False, **_OPTIONS)
lean_helper = register_jitable(_nrt=False, **_OPTIONS)
