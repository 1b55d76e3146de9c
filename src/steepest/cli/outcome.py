"""Exit codes, and exceptions as one line."""

from __future__ import annotations

from steepest.core.errors import InputError, NotConverged

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def one_line(error: BaseException) -> str:
    """An exception as one line for people."""
    text = " ".join(str(error).split())
    if isinstance(error, (InputError, NotConverged)):
        return text
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {text} (show where with --traceback)"
