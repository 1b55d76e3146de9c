"""``python -m steepest.cli`` is the command ``steepest``."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any, NoReturn

from .outcome import INTERRUPTED, say_interrupted


def program() -> NoReturn:
    """Run the command and leave the process. After Ctrl-C, threads at work are not waited for."""
    sys.unraisablehook = _pass_on
    try:
        from .main import main  # here, as Ctrl-C may come while modules are loaded

        code = main()
    except KeyboardInterrupt:
        say_interrupted()
        code = INTERRUPTED
    if code == INTERRUPTED:
        os._exit(code)  # the files of a command are written or removed by now
    sys.exit(code)


def _pass_on(unraisable: Any) -> None:
    """Raise Ctrl-C again that came where Python can only ignore it: a destructor, a C callback.

    At once, but not in here, where it would be ignored as well: with the next call or return.
    """
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
