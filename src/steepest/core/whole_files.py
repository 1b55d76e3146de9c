"""Files that appear only when they are complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import naming


@contextmanager
def whole_file(path: Path, prefix: str) -> Iterator[BinaryIO]:
    """A new file beside ``path``, which gets that name at the end; it is removed on errors.

    Until then its name begins with ``prefix``. Errors of writing name ``path``.
    """
    handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=prefix)
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:  # such as a full disk
        with suppress(OSError):
            os.unlink(temporary)
        raise
