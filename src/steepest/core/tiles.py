"""How an image larger than memory is worked: tile by tile."""

import math
import re
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .numbers import check_count, check_flag

_MEMORY = re.compile(r"(\d*\.?\d+(?:e\d+)?) *(?:([kmgt])(i?))?b?")
_IN_MEMORY = ("__array_interface__", "__dlpack__")  # arrays of zarr and h5py have none of these


@dataclass(frozen=True)
class Tiles:
    """How to work on an image that does not fit in memory, given as ``tiles=`` to many functions.

    Each tile is read with a halo, iterated as often as the halo allows, and written. An iteration
    reaches one pixel further (or two, for second-order energies), so the result is the same, to the
    last bit, as without tiles, for any size of the tiles and any number of workers; only a start
    from coarser grids depends on ``memory``. Where a function differs from this, it says so.

    Functions that take ``tiles`` also take ``out``: anything with ``shape``, ``dtype`` and
    assignment by slices, such as an array of zarr, with the shape of the result. It is written at
    the end, whole chunks at a time, and not touched before. They work by tiles if ``out`` or
    ``tiles`` is given, and for an image that is not an array in memory: anything with ``shape``,
    ``dtype`` and slicing that returns arrays, such as an array of zarr or h5py. (A memory map of
    NumPy is an array; give ``tiles`` or ``out`` for it.) ``on_step`` is then called after each tile
    with a `Progress`: ``step`` of ``num_steps`` tiles of the pass that ``stage`` names. If it
    stops the work, the bounds are infinity, ``out`` is unfinished, and the folder ``work``, if
    given, is kept.

    Parameters
    ----------
    memory : int or str
        Main memory to use, in bytes or as "2GB" (2e9 bytes) or "2GiB", for all threads together.
        From 300 MB on, Python and its libraries, which need 180 MB, are included.
    work : path, optional
        An empty or new folder for arrays between two passes, on a disk that all workers share. For
        a 2-D image in float32, they take about 40 bytes for each value. If the work is interrupted,
        call the function again with the same image, options and folder: finished tiles are not
        computed again (``memory``, ``executor`` and the numbers of workers may change), and damaged
        files are noticed. The folder is deleted at the end. The default is a temporary folder
        beside the file of ``out`` or the image, or the system's one for arrays in memory.
    executor : concurrent.futures.Executor, optional
        Who works on the tiles, such as a process pool or
        ``dask.distributed.Client(...).get_executor()``. The workers must then be able to read the
        files of the image and to write in ``work``. The default is threads.
    num_workers : int, optional
        Tiles in work at the same time. The default is ``num_threads`` of the solver, which, with an
        ``executor``, is the number of threads of each worker.
    halo : int, optional
        Pixels around each tile, and about the number of iterations of one pass over the image. The
        default is chosen from 16 to 144 such that the least is computed twice.
    keep : bool
        Do not delete the folder ``work`` at the end. The same call then writes its result again
        without computing it.

    Examples
    --------
    >>> import numpy as np, steepest
    >>> image = np.random.default_rng(0).random((90, 100))
    >>> whole = steepest.denoise_tv(image, 0.1, tiles=steepest.Tiles(memory="500 MB"))
    >>> small = steepest.denoise_tv(image, 0.1, tiles=steepest.Tiles(memory="4 MB", halo=16))
    >>> bool(np.array_equal(whole.image, small.image))
    True
    """

    memory: int | str = "2GB"
    work: str | Path | None = None
    executor: Executor | None = None
    num_workers: int | None = None
    halo: int | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        bytes_in(self.memory)
        if self.num_workers is not None:
            check_count(self.num_workers, "num_workers")
        if self.halo is not None:
            check_count(self.halo, "halo", least=8, most=4096)
        if check_flag(self.keep, "keep") and self.work is None:
            raise InputError("keep=True: also give the folder work that is to be kept")

    @property
    def num_bytes(self) -> int:
        """The memory in bytes."""
        return bytes_in(self.memory)


def bytes_in(memory: Any) -> int:
    """The bytes of 2000000000, "2GB" = 2e9 or "2GiB" = 2 * 1024**3; else `InputError`."""
    if isinstance(memory, str):
        found, value = _MEMORY.fullmatch(memory.strip().lower()), math.nan
        if found:
            number, unit, binary = found.groups()
            value = float(number) * (1024 if binary else 1000) ** " kmgt".index(unit or " ")
    else:
        value = float(check_count(memory, "memory"))
    if not 1e6 <= value < 1e15:
        raise InputError(
            f"memory={memory!r}; allowed are a number of bytes or text like '2GB' or '2GiB', of at "
            "least 1 MB"
        )
    return int(value)


def works_by_tiles(image: Any, out: Any = None, tiles: Any = None) -> bool:
    """Whether a function works by tiles: see `Tiles`. Raises `InputError` if ``tiles`` is none."""
    if tiles is not None and not isinstance(tiles, Tiles):
        raise InputError(f"tiles={tiles!r} must be a steepest.Tiles, such as Tiles(memory='2GB')")
    if out is not None or tiles is not None:
        return True
    sliced = all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__"))
    return sliced and not any(hasattr(type(image), name) for name in _IN_MEMORY)


def refuse_by_tiles(**options: Any) -> None:
    """Raise `InputError` if one of these options, which tiles cannot do, is given."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"{name}={value!r:.60}: not available by tiles (with out, tiles, or an image that "
                "is not an array in memory)"
            )
