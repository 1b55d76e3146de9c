"""How numba compiles functions: kernels, which Python calls, and helpers, which kernels call.

A helper becomes part of the kernels that call it. It gets neither an entry point for Python nor a
file in the cache, which were a third of the compile time; called from Python it runs uncompiled.
"""

import gc
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.runtime import rtsys
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NoPythonSupportedFeatureValidation
from numba.extending import register_jitable

# NaN and infinity are respected; sums may be reordered so that they vectorise.
_OPTIONS: dict[str, Any] = {
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    "error_model": "numpy",
}
_UNWRAPPED = {"no_cfunc_wrapper": True}  # nobody calls anything of this from C


class _Cache(FunctionCache):  # type: ignore[misc]
    """Loads compiled kernels without all that numba imports to compile: half a second less."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return a compiled kernel, or None; compiling then imports the rest."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def _kernel(**options: Any) -> Any:
    """The decorator ``njit`` with a cache, if numba finds any folder that it can write."""
    compiled: Any = njit  # its types do not know of all options

    def decorate(function: Callable[..., Any]) -> Any:
        options.update(_UNWRAPPED, pipeline_class=_KernelCompiler)
        dispatcher = compiled(nogil=True, **options)(function)
        with suppress(RuntimeError):  # neither the package's folder nor the user's
            dispatcher._cache = _Cache(function)
        return dispatcher

    return decorate


class _Notice(event.Listener):  # type: ignore[misc]
    """Says once in a process that it compiles, by a log record of the logger "steepest".

    While numba compiles, holding its lock, Python's search for garbage is off: it found nothing in
    a twelfth of the time.
    """

    told, depth, collects = False, 0, False

    def on_start(self, event: Any) -> None:
        ours = event.data["dispatcher"].py_func.__module__.startswith("steepest.")
        if ours and not self.told:
            self.told = True
            logging.getLogger("steepest").warning(
                "steepest compiles what it uses for the first time, which takes 3 to 20 seconds; "
                "the compiled code is kept ('steepest compile' compiles everything; silence this "
                "by logging.getLogger('steepest').setLevel('ERROR'))"
            )
        if self.depth == 0:
            self.collects = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if self.depth == 0 and self.collects:
            gc.enable()


notice = _Notice()
event.register("numba:compile", notice)


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """The code of a helper, which LLVM optimises as part of the kernels that call it.

    numba would optimise it alone, too, and make it executable: more than a quarter of all compile
    time. Helpers must not need Python objects, which they would find by their environment.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """0, as there is none: nobody calls helpers from Python."""
        return 0

    @property
    def codegen(self) -> "_Part":
        """What sets the environment of a function that can be called."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing to set."""


@register_pass(mutates_CFG=False, analysis_only=True)
class _AsPart(AnalysisPass):  # type: ignore[misc]
    """The compilation of a helper goes into a `_Part`."""

    _name = "as_part"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Provide the library, which the next passes fill."""
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        return False


class _PartCompiler(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        """As usual, with one more pass."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_AsPart, NoPythonSupportedFeatureValidation)
        passes.finalize()
        return [passes]


class _KernelCompiler(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        """As usual, with the flags of a helper: helpers are compiled for each of their callers'."""
        flags = ConfigStack().top()
        flags.no_cpython_wrapper, flags.release_gil = True, False
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


_PART: dict[str, Any] = {"pipeline_class": _PartCompiler, **_UNWRAPPED}
kernel = _kernel(**_OPTIONS)
exact_kernel = _kernel()  # sums in the order in which they are written
helper = register_jitable(**_OPTIONS, **_PART)
exact_helper = register_jitable(**_PART)
# Without reference counting, which takes more than half of the time of functions as small as those
# on echoes. They cannot allocate.
lean_kernel = _kernel(_nrt=False, **_OPTIONS)
lean_helper = register_jitable(_nrt=False, **_OPTIONS, **_PART)
exact_lean_kernel = _kernel(_nrt=False)
exact_lean_helper = register_jitable(_nrt=False, **_PART)


@lean_helper
def copy(target, source):  # type: ignore[no-untyped-def]
    """``target[:] = source``, for which numba would compile two seconds of error messages."""
    for i in range(target.shape[0]):
        target[i] = source[i]
