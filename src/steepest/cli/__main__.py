"""Run the ``steepest`` command with ``python -m steepest.cli``."""

import gc
import os
import sys
from types import FrameType
from typing import Any, NoReturn

from .outcome import INTERRUPTED, say_interrupted


def program() -> NoReturn:
    """Run the command and exit. After Ctrl-C, the process does not wait for running threads."""
    sys.unraisablehook = _pass_on
    gc.disable()  # until a command starts: imports leave no garbage
    try:
        from .ahead import watch  # imported here because Ctrl-C may arrive during imports
        from .main import main

        watch(sys.argv[1:])
        code = main()
    except KeyboardInterrupt:
        say_interrupted()
        code = INTERRUPTED
    if code == INTERRUPTED:
        os._exit(code)  # all output files are written or removed by now
    if "triton" not in sys.modules:  # whose binding reports what was not searched
        gc.freeze()  # Python would search once more
    sys.exit(code)


def _pass_on(unraisable: Any) -> None:
    """Raise Ctrl-C again, at the next call of a function, if it arrived where Python ignores it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.setprofile(_raise)
    else:
        sys.__unraisablehook__(unraisable)


def _raise(frame: FrameType, event: str, argument: Any) -> None:
    if frame.f_code is not _pass_on.__code__:
        sys.setprofile(None)
        raise KeyboardInterrupt


if __name__ == "__main__":
    program()
