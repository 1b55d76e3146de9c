"""A session for each tab of the browser."""

import threading
import time
from collections.abc import Callable

from ..core.errors import InputError
from .session import Session

_MOST = 8  # tabs
_GONE = 30.0  # seconds after a tab has been closed, in which it may be loaded again


class Tabs:
    """The sessions of the tabs that show the page; the first is made before the browser asks."""

    def __init__(self, make: Callable[[], Session]) -> None:
        self._lock = threading.Lock()
        self._make, self._spare = make, [make()]
        self._sessions: dict[str, Session] = {}
        self._left: dict[str, float] = {}  # when tabs were closed

    def session(self, tab: str) -> Session:
        """Return the session of a tab; it is a new one if there is none."""
        with self._lock:
            self._left.pop(tab, None)
            self._close_those_that_left()
            if tab not in self._sessions:
                if len(self._sessions) >= _MOST:
                    raise InputError(f"{_MOST} tabs are open already; close one of them")
                self._sessions[tab] = self._spare.pop() if self._spare else self._make()
            return self._sessions[tab]

    def leave(self, tab: str) -> None:
        """Note that a tab has been closed, or is loaded again."""
        with self._lock:
            if tab in self._sessions:
                self._left[tab] = time.monotonic()

    def close(self) -> None:
        """End all sessions."""
        with self._lock:
            for session in (*self._spare, *self._sessions.values()):
                session.close()

    def _close_those_that_left(self) -> None:
        now = time.monotonic()
        for tab in [tab for tab, then in self._left.items() if now - then > _GONE]:
            del self._left[tab]
            self._sessions.pop(tab).close()
