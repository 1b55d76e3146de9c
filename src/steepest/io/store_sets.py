"""The Zarr stores of several results of one image, which appear together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from steepest.core.errors import InputError
from steepest.core.views import Part

from .stores import StoredImage, create_store

Kind = Literal["image", "bands", "labels", "mask"]


@contextmanager
def new_stores(
    paths: Sequence[Path], image: StoredImage, tags: Sequence[str], kind: Kind, *, overwrite: bool
) -> Iterator[Results]:
    """The stores of the results of one image, which get their names at the end of the block."""
    together = len(paths) < len(tags)
    like, plain = image, kind in ("labels", "mask")
    if kind == "bands":
        like = _bands_like(image, tags, together)
    elif kind == "mask":
        like = _without_channels(image)
    with ExitStack() as stack:
        stores = [
            stack.enter_context(create_store(path, like, overwrite=overwrite, labels=plain))
            for path in paths
        ]
        yield Results(tags, image.axes, stores, together)


@dataclass(frozen=True)
class Results:
    """One store for each tag or, if they are ``together``, a store with a channel for each."""

    tags: Sequence[str]
    axes: str
    stores: list[StoredImage]
    together: bool

    def at(self, fixed: tuple[int | None, ...]) -> Part | _Frames:
        """Where the results of one of the images that are computed one by one belong."""
        if self.together:
            return Part(self.stores[0].array, _with_channel(self.axes, fixed, None))
        at = dict(zip(self.axes, fixed, strict=True))
        return _Frames([Part(s.array, tuple(at[axis] for axis in s.axes)) for s in self.stores])

    def note(self, attributes: Callable[[int], dict[str, Any]]) -> None:
        """Put ``attributes(k)`` into store k."""
        for k, store in enumerate(self.stores):
            result = "bands" if self.together else self.tags[k]
            store.extra["steepest"] = {"result": result, **attributes(k)}


def _bands_like(image: StoredImage, tags: Sequence[str], together: bool) -> StoredImage:
    """What stores of bands are like: floats and, if ``together``, with a channel for each band."""
    shape, chunks = image.array.shape, getattr(image.array, "chunks", None)
    more: dict[str, Any] = {"extra": {}}
    if together:
        if dict(zip(image.axes, shape, strict=True)).get("c", 1) > 1:
            raise InputError(
                "-o: the bands of an image with several channels are several stores; give a folder"
            )
        shape = _with_channel(image.axes, shape, len(tags))
        chunks = _with_channel(image.axes, chunks, 1) if chunks else None
        window = {"min": -1.0, "max": 1.0, "start": -0.2, "end": 0.2}
        look = {"color": "FFFFFF", "window": window, "active": True}
        more = {
            "axes": "".join(_with_channel(image.axes, image.axes, "c")),
            "scale": _with_channel(image.axes, image.scale, 1.0),
            "translation": _with_channel(image.axes, image.translation, 0.0),
            "units": _with_channel(image.axes, image.units, None),
            "extra": {"omero": {"channels": [{"label": tag, **look} for tag in tags]}},
        }
    dtype = np.dtype("float64" if image.array.dtype.name == "float64" else "float32")
    return replace(image, array=SimpleNamespace(shape=shape, dtype=dtype, chunks=chunks), **more)


def _without_channels(image: StoredImage) -> StoredImage:
    """What stores of masks are like: the image without its axis of channels."""
    chunks = getattr(image.array, "chunks", None)

    def kept(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(v for v, axis in zip(values, image.axes, strict=True) if axis != "c")

    array = SimpleNamespace(
        shape=kept(image.array.shape), dtype=np.dtype("uint8"), chunks=chunks and kept(chunks)
    )
    return replace(
        image, array=array, axes=image.axes.replace("c", ""), scale=kept(image.scale),
        translation=kept(image.translation), units=kept(image.units), extra={},
    )  # fmt: skip


def _with_channel(axes: str, values: Sequence[Any], value: Any) -> tuple[Any, ...]:
    """One value for each of ``axes``, with ``value`` as that of channels, which follow time."""
    at = axes.index("c") if "c" in axes else int(axes.startswith("t"))
    return (*values[:at], value, *values[at + ("c" in axes) :])


@dataclass(frozen=True)
class _Frames:
    """Several arrays of the same shape as one."""

    parts: list[Part]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.parts), *self.parts[0].shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        return (1, *self.parts[0].chunks)

    @property
    def dtype(self) -> np.dtype:
        return self.parts[0].dtype

    def __getitem__(self, index: Any) -> Any:
        return self.parts[index]

    def __setitem__(self, index: tuple[Any, ...], values: np.ndarray) -> None:
        self.parts[index[0]][index[1:]] = values
