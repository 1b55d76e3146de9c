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

from .store_writing import create_store
from .stores import StoredImage

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
        like = _like(image, np.dtype("uint8"))
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
    dtype = np.dtype("float64" if image.array.dtype.name == "float64" else "float32")
    if not together:
        return _like(image, dtype, keep=True)
    if dict(zip(image.axes, image.array.shape, strict=True)).get("c", 1) > 1:
        raise InputError(
            "-o: the bands of an image with several channels are several stores; give a folder"
        )
    window = {"min": -1.0, "max": 1.0, "start": -0.2, "end": 0.2}
    look = {"color": "FFFFFF", "window": window, "active": True}
    omero = {"channels": [{"label": tag, **look} for tag in tags]}
    return replace(_like(image, dtype, len(tags)), extra={"omero": omero})


def _like(
    image: StoredImage, dtype: np.dtype, channels: int = 0, *, keep: bool = False
) -> StoredImage:
    """What stores are like with so many channels, 0: without, or if ``keep``, those of an image."""

    def changed(values: Sequence[Any], *value: Any) -> tuple[Any, ...]:
        return tuple(values) if keep else _with_channel(image.axes, values, *value[:channels])

    chunks = getattr(image.array, "chunks", None)
    array = SimpleNamespace(
        shape=changed(image.array.shape, channels),
        dtype=dtype,
        chunks=chunks and changed(chunks, 1),
    )
    return replace(
        image, array=array, axes="".join(changed(image.axes, "c")), scale=changed(image.scale, 1.0),
        translation=changed(image.translation, 0.0), units=changed(image.units, None), extra={},
    )  # fmt: skip


def _with_channel(axes: str, values: Sequence[Any], *value: Any) -> tuple[Any, ...]:
    """One value for each of ``axes``, with ``value``, or none, as that of channels, after time."""
    at = axes.index("c") if "c" in axes else int(axes.startswith("t"))
    return (*values[:at], *value, *values[at + ("c" in axes) :])


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
