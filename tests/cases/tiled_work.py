"""Jobs on tiles, and what can happen to them: a kill at any operation of the disk, and damage."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import tiled

SMALL = dict(memory="3MB", halo=24, num_workers=1)  # tiles of 64 x 64 pixels
WIDE = SMALL | {"memory": "6MB"}  # the same in float64
_OPERATIONS = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "open", "fsync")


def inputs_of(seed: int = 0, shape: tuple[int, ...] = (120, 120)) -> dict[str, np.ndarray]:
    """An image, weights, and a mask of known pixels."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0.3, 0.1, shape)
    image[tuple(slice(n // 4, n // 2) for n in shape)] += 0.5
    weights, known = rng.uniform(0.5, 1.5, shape), rng.random(shape) < 0.02
    known[5, 7] = True
    return {"image": image.astype(np.float32), "weights": weights, "known": known}


def _echo(image: np.ndarray, **options: Any) -> Any:
    image = image.repeat(2, 0)  # several tiles
    return tiled.echo(image, 0.1, rng=0, memory="24MB", num_workers=1, **options)


def _batch(image: np.ndarray, **options: Any) -> Any:
    return tiled.denoise_tv(np.stack([image, 2 * image]), 0.1, batch_axis=0, **SMALL | options)


# Which inputs a job takes, and the job.
JOBS: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "denoise_tv": (("image", "weights"), lambda **o: tiled.denoise_tv(strength=0.1, **SMALL | o)),
    "tv_flow": (
        ("image", "weights"),
        lambda **o: tiled.tv_flow(times=[0.1], steps=2, **SMALL | o),
    ),
    "corrections": (("image",), lambda **o: tiled.tv_flow(times=[1.0], steps=2, **SMALL | o)),
    "decompose": (
        ("image",),
        lambda **o: tiled.decompose(bands=[0.02], t_max=0.1, steps=3, **SMALL | o),
    ),
    "threshold_rof": (("image",), lambda **o: tiled.threshold_rof(strength=0.2, **WIDE | o)),
    "chan_vese": (("image",), lambda **o: tiled.chan_vese(mu=0.5, **WIDE | o)),
    "inpaint": (("image", "known"), lambda **o: tiled.inpaint(**WIDE | o)),
    "echo": (("image",), _echo),
    "batch": (("image",), _batch),
}


def compute(job: str, inputs: dict[str, np.ndarray], **options: Any) -> Any:
    """The result of a job."""
    names, function = JOBS[job]
    return function(**{name: inputs[name] for name in names}, **options)


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal to the last bit."""
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return np.array_equal(one, other)


def _moved(a: np.ndarray) -> np.ndarray:
    a[70:80, 70:80], a[90:100, 100:110] = a[90:100, 100:110].copy(), a[70:80, 70:80].copy()
    return a


def _mirrored(a: np.ndarray) -> np.ndarray:
    a[64:, :64] = a[64:, :64][:, ::-1].copy()
    return a


def _one(a: np.ndarray) -> np.ndarray:
    a[5, 7] = np.nextafter(a[5, 7], 2) if a.dtype.kind == "f" else ~a[5, 7]
    return a


# Changes of an array of 120 x 120 pixels. Sum, squares and range of each tile stay the same for
# those within a tile.
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "flip": lambda a: a[:, ::-1],
    "half turn": lambda a: a[::-1, ::-1],
    "transposition": lambda a: a.T,
    "square moved": _moved,
    "block mirrored": _mirrored,
    "one value": _one,
    "weaker": lambda a: (a * 0.5).astype(a.dtype) if a.dtype.kind == "f" else a & (a.cumsum(1) > 1),
}


def _flip_bit(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


# Damage of a file.
DAMAGES: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "cut": lambda path, rng: os.truncate(path, int(rng.integers(1, path.stat().st_size))),
    "cut by a byte": lambda path, rng: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path, rng: os.truncate(path, 0),
    "zeros": lambda path, rng: path.write_bytes(bytes(path.stat().st_size)) and None,
    "bit flipped": _flip_bit,
    "deleted": lambda path, rng: path.unlink(),
}


class Killed(BaseException):
    """What ends a process, as far as the disk can tell."""


@contextmanager
def killed(after: float = np.inf) -> Iterator[list[str]]:
    """Kill the process after so many operations on the disk; yields those that were done.

    Nothing that would run afterwards, such as ``finally``, changes the disk any more.
    """
    done: list[str] = []
    real, lock = {name: getattr(os, name) for name in _OPERATIONS}, threading.Lock()

    def patched(name: str) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            writes = name != "open" or (len(arguments) > 1 and arguments[1] & os.O_CREAT)
            if writes:
                with lock:
                    if len(done) >= after:
                        raise Killed
                    done.append(f"{name} {arguments[0]}")
            return real[name](*arguments, **options)

        return operation

    for name in _OPERATIONS:
        setattr(os, name, patched(name))
    try:
        yield done
    finally:
        for name in _OPERATIONS:
            setattr(os, name, real[name])
