"""Who may use a folder of work, and what has been decided there: one small file, the mark.

A change replaces the whole mark. So after a kill, the folder is as before a change or as after it,
and never between them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from .sealed import UNFINISHED, content, write_file

MARK = "steepest-work.mark"
_LOCK = "steepest-work.lock"  # not the mark: on Windows, nobody can read a locked file


@dataclass(frozen=True)
class Mark:
    """The mark: whose work it is ("": nobody's), what was decided, and names of dropped arrays."""

    of: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    @staticmethod
    def read(folder: Path) -> Mark:
        """The mark of a folder; `InputError` if it is damaged."""
        path = folder / MARK
        if not path.exists():
            return Mark()
        found = content(path)
        if found is None:
            raise InputError(
                f"work: {path} is damaged, and the work cannot be continued; delete {folder} to "
                "begin anew"
            )
        return Mark(**json.loads(found))

    def write(self, folder: Path) -> None:
        """Make this the mark of a folder."""
        write_file(folder / MARK, [json.dumps(vars(self)).encode()])


@contextmanager
def claim(folder: Path, signature: str, keep: bool = False) -> Iterator[None]:
    """Own a folder, which is new or holds earlier work of this signature, as one process at a time.

    At the end it is removed; after an exception, and if ``keep``, it is kept. If the removal is
    interrupted, what is left counts as a new folder. `InputError` if it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise _unusable(folder, error) from None
    others = {name for name in names if not name.startswith(UNFINISHED)} - {_LOCK}
    if others and MARK not in others:
        raise InputError(
            f"work={str(folder)!r} is not empty, and holds no earlier work (there is no {MARK}); "
            "give a new folder"
        )
    with _locked(folder):
        mark = Mark.read(folder)
        if not mark.of:
            _empty(folder)
            Mark(signature).write(folder)
        elif mark.of != signature:
            raise InputError(
                f"work={str(folder)!r} belongs to other work; give another folder, or delete this "
                "one"
            )
        yield
        if keep:
            return
        with suppress(OSError):  # the result is what counts
            Mark().write(folder)
            _empty(folder)
            if {path.name for path in folder.iterdir()} <= {MARK, _LOCK}:
                (folder / MARK).unlink()
    with suppress(OSError):
        (folder / _LOCK).unlink()
        folder.rmdir()


def _unusable(folder: Path, error: OSError) -> InputError:
    return InputError(f"work={str(folder)!r} cannot be used ({error.strerror})")


def _empty(folder: Path) -> None:
    """Delete all but the mark and the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (MARK, _LOCK):
            path.unlink()


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out. The lock ends with the process, however that ends."""
    try:
        file = (folder / _LOCK).open("a")
    except OSError as error:
        raise _unusable(folder, error) from None
    with file:
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError):
            raise InputError(f"work={str(folder)!r} is in use by another process") from None
        except OSError:  # a file system without locks
            pass
        yield
