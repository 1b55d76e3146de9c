"""The two exceptions of the library."""

from __future__ import annotations


class InputError(ValueError):
    """An argument cannot be used; the message names it, what was given and what is allowed."""


class NotConverged(RuntimeError):
    """A tolerance was not met and the caller asked for an exception (``raise_on_failure=True``).

    The result computed so far is kept in :attr:`result`.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result
