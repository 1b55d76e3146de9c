"""Write files completely or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from steepest.core.errors import InputError
from steepest.core.numbers import check_flag

from .paths import check_path


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise InputError if the file exists and may not be replaced."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; a file name is needed")
    if not overwrite and path.exists():
        raise InputError(f"{path}: exists already (replace it with overwrite=True)")


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Check, before any computation, that files can be written to a folder.

    The check creates an unnamed temporary file in the folder or, if the folder does not exist, in
    its nearest existing parent.

    Raises
    ------
    InputError
        If files cannot be written there.
    """
    place = Path(check_path(folder, "folder")).absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{place}: is a file; a folder is needed")
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise InputError(f"{folder}: cannot write into this folder ({error.strerror})") from None


@contextmanager
def open_output(
    path: str | os.PathLike[str], overwrite: bool, outputs: OutputSet | None
) -> Iterator[BinaryIO]:
    """Open a new file of an output set or, without one, a file that appears by itself."""
    if outputs is not None and not isinstance(outputs, OutputSet):
        raise InputError(f"outputs={outputs!r}; allowed are None and steepest.io.OutputSet")
    own = OutputSet(overwrite=overwrite)
    every = own if outputs is None else nullcontext(outputs)
    with every as files, files.open(path) as file:
        yield file


class OutputSet:
    """A set of files that are written together: either all of them appear, or none.

    Each file is written under a temporary name. When the ``with`` block ends, all files are
    renamed. If an exception is raised, all files are removed, together with the folders created
    for them.

    >>> with OutputSet() as outputs:
    ...     with outputs.open("band_01.tif") as file:
    ...         file.write(data)
    """

    def __init__(self, *, overwrite: bool = False) -> None:
        self.overwrite = check_flag(overwrite, "overwrite")
        self.paths: list[Path] = []  # every file of the set, in the order they were open_output
        self._pending: list[tuple[Path, Path]] = []
        self._folders: list[Path] = []

    @contextmanager
    def open(self, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
        """Open a new binary file that appears at ``path`` when the set is complete."""
        path = Path(check_path(path))
        if path.is_symlink():
            path = path.resolve()
        refuse_existing(path, self.overwrite)
        self._make_folder(path.parent)
        temporary = path.with_name(f".steepest-{secrets.token_hex(6)}.part")
        with temporary.open("xb") as file:
            self._pending.append((temporary, path))
            self.paths.append(path)
            yield file
            file.flush()
            os.fsync(file.fileno())

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        if not folder.is_dir():
            raise InputError(f"{folder}: is a file; a folder is needed")
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            self._folders.append(new)

    def commit(self) -> None:
        """Rename the files to their final names, replacing files only with ``overwrite``."""
        for _, path in self._pending:
            refuse_existing(path, self.overwrite)
        while self._pending:
            temporary, path = self._pending[0]
            os.replace(temporary, path)
            del self._pending[0]
        self._folders.clear()

    def discard(self) -> None:
        """Remove all files that have not been committed."""
        for temporary, _ in self._pending:
            with suppress(OSError):
                temporary.unlink()
        for folder in reversed(self._folders):
            with suppress(OSError):
                folder.rmdir()
        self._pending.clear()
        self._folders.clear()

    def __enter__(self) -> OutputSet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.discard()
