"""How numba compiles functions: kernels, which Python calls, and helpers, which kernels call.

A helper becomes part of the kernels that call it. It gets neither an entry point for Python nor a
file in the cache, which were a third of the compile time; called from Python it runs uncompiled.
"""

import logging
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import event
from numba.extending import register_jitable

# NaN and infinity are respected; sums may be reordered so that they vectorise.
_OPTIONS: dict[str, Any] = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # nobody calls kernels from C
}


def _kernel(**options: Any) -> Any:
    """The decorator ``njit`` with a cache, if numba finds any folder that it can write."""
    compiled: Any = njit  # its types do not know of all options

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return compiled(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's
            return compiled(nogil=True, **options)(function)

    return decorate


class _Notice(event.Listener):  # type: ignore[misc]
    """Says once in a process that it compiles, by a log record of the logger "steepest"."""

    told = False

    def on_start(self, event: Any) -> None:
        ours = event.data["dispatcher"].py_func.__module__.startswith("steepest.")
        if ours and not self.told:
            self.told = True
            logging.getLogger("steepest").warning(
                "steepest compiles what it uses for the first time, which takes 3 to 30 seconds; "
                "the compiled code is kept ('steepest compile' compiles everything; silence this "
                "by logging.getLogger('steepest').setLevel('ERROR'))"
            )

    def on_end(self, event: Any) -> None:
        pass


notice = _Notice()
event.register("numba:compile", notice)

kernel = _kernel(**_OPTIONS)
exact_kernel = _kernel()  # sums in the order in which they are written
helper = register_jitable(**_OPTIONS)
exact_helper = register_jitable
# Without reference counting, which takes more than half of the time of functions as small as those
# on echoes. They cannot allocate.
lean_kernel = _kernel(_nrt=False, **_OPTIONS)
lean_helper = register_jitable(_nrt=False, **_OPTIONS)
