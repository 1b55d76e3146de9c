"""The exceptions of the library."""

import math
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """An argument is invalid; the message names it, what was given and what is allowed."""


class TooManySteps(InputError):
    """The requested accuracy needs more time steps than allowed.

    ``num_steps`` and ``seconds`` estimate the time steps needed and their duration on this machine.
    ``limit`` is the number of steps allowed. ``loss`` is the number of decibels by which the
    accuracy would be lower with that many steps.
    """

    def __init__(self, num_steps: float, seconds: float, limit: int, loss: float) -> None:
        self.num_steps, self.seconds, self.limit, self.loss = num_steps, seconds, limit, loss
        super().__init__(
            f"the accuracy asked for {self.effort}; the limit is max_num_steps={limit}, which is "
            f"enough for an accuracy about {math.ceil(loss)} dB lower"
        )

    @property
    def effort(self) -> str:
        """A phrase: "needs about 5,600 time steps, about 2 minutes on this machine"."""
        if not self.num_steps < 1e12:
            return "needs more time steps than any computer can take"
        steps = f"{float(f'{self.num_steps:.2g}'):,.0f}"
        return f"needs about {steps} time steps, about {in_words(self.seconds)} on this machine"


class NotConverged(RuntimeError):
    """A tolerance was not met and the caller requested an exception (``raise_on_failure=True``).

    :attr:`result` holds the result computed so far.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Give the name of a file to an `OSError` that names none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(file)) from error


def in_words(seconds: float) -> str:
    """Return an approximate duration: "40 seconds", "3 minutes", "5 hours" or "2 days"."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:,.0f} {unit}s"
    return f"{max(seconds, 1):.0f} seconds"
