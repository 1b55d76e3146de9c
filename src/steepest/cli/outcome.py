"""Exit codes and one-line error messages."""

import sys

from steepest.core.errors import InputError, NotConverged

_IN_THE_TERMINAL = {
    "overwrite=True": "--overwrite",
    "steepest.inpaint(image)": "steepest inpaint IMAGE",
}
"""What users of the library type, and those of the command."""
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def say_interrupted(rest: str = "") -> None:
    """Print in one line that Ctrl-C ended the command; ``rest`` follows "interrupted"."""
    start = "\n" if sys.stderr.isatty() else ""  # the terminal has echoed ^C on this line
    print(f"{start}steepest: interrupted{rest}", file=sys.stderr, flush=True)


def one_line(error: BaseException) -> str:
    """Format an exception as a one-line message for users."""
    text = " ".join(str(error).split())
    for code, words in _IN_THE_TERMINAL.items():
        text = text.replace(code, words)
    if isinstance(error, (InputError, NotConverged)):
        return text
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {text} (show where with --traceback)"
