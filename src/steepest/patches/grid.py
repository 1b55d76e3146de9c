"""Patches of an image: where they begin, and the image as one row of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.arrays import Layout, prepare_image
from ..core.errors import InputError
from .model import PatchModel

_CHUNK = 4096  # patches computed together; fixed, so that threads do not change sums


@dataclass(frozen=True, eq=False)
class Patches:
    """The patches of an image (*space, channels), stored flat.

    ``starts`` (n,) are their first values, ``offsets`` (d,) lead to the others.
    """

    space: tuple[int, ...]
    channels: int
    starts: np.ndarray
    offsets: np.ndarray

    @property
    def size(self) -> int:
        """Number of values of the image."""
        return math.prod(self.space) * self.channels

    def chunks(self) -> list[slice]:
        """Patches to compute together, the same for any number of threads."""
        step = max(_CHUNK, 4 * int(self.offsets.max(initial=0)) // self.channels)
        return [slice(a, a + step) for a in range(0, len(self.starts), step)]

    def span(self, chunk: slice) -> tuple[int, int]:
        """First value of the image that belongs to a chunk, and the one after the last."""
        own = self.starts[chunk]
        return int(own[0]), int(own[-1] + self.offsets[-1] + 1)

    def take(self, flat: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Return patches as rows (n, d)."""
        return flat[self.starts[which, None] + self.offsets]

    def touching(self, pixels: np.ndarray) -> Patches:
        """Only the patches that hold one of the pixels, given as a flat Boolean image."""
        own = np.zeros(len(self.starts), bool)
        for offset in self.offsets:
            own |= pixels[self.starts + offset]
        return replace(self, starts=self.starts[own])


def patches_of(
    space: tuple[int, ...], channels: int, shape: tuple[int, ...], corners: Any = None
) -> Patches:
    """All patches of an image, or those that begin at the given indices along each axis."""
    strides = [math.prod(space[axis + 1 :]) * channels for axis in range(len(space))]
    if corners is None:
        corners = [np.arange(n - p + 1) for n, p in zip(space, shape, strict=True)]
    starts = np.zeros(1, np.int64)
    for places, stride in zip(corners, strides, strict=True):
        starts = (starts[:, None] + np.asarray(places, np.int64) * stride).ravel()
    offsets = np.zeros(1, np.int64)
    for count, stride in zip(shape, strides, strict=True):
        offsets = (offsets[:, None] + np.arange(count) * stride).ravel()
    offsets = (np.arange(channels)[:, None] + offsets).ravel()
    return Patches(space, channels, starts, offsets)


def prepare(
    image: Any,
    model: PatchModel,
    channel_axis: int | None,
    name: str = "image",
    *,
    double: bool = False,
) -> tuple[np.ndarray, Layout]:
    """Check an image; return it as (\\*space, channels). It must fit the model."""
    check_model(model)
    array, layout = channels_last(image, channel_axis, name, double=double)
    check_fits(array.shape, model, name)
    return array, layout


def check_model(model: Any) -> None:
    """Check that something is a patch model."""
    if not isinstance(model, PatchModel):
        raise InputError(
            f"model is a {type(model).__name__}; allowed is a PatchModel, such as patches.fit makes"
        )


def channels_last(
    image: Any, channel_axis: int | None, name: str, *, double: bool = False
) -> tuple[np.ndarray, Layout]:
    """Check an image; return it as a NumPy array (\\*space, channels)."""
    array, layout = prepare_image(image, channel_axis, name, double=double)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name} is a tensor; allowed are NumPy arrays (convert with .numpy())")
    return np.ascontiguousarray(np.moveaxis(array, 0, -1)), layout


def check_fits(shape: tuple[int, ...], model: PatchModel, name: str) -> None:
    """Check that an image of shape (\\*space, channels) has patches of the model."""
    *space, channels = shape
    if channels != model.channels:
        raise InputError(
            f"{name} has {channels} channels; the model is for {model.channels} "
            "(channel_axis says which axis they are on)"
        )
    check_patch_shape(tuple(space), model.patch_shape, name)


def check_patch_shape(space: tuple[int, ...], patch: tuple[int, ...], name: str) -> None:
    """Check that patches of this shape fit into an image."""
    if len(space) != len(patch):
        raise InputError(
            f"{name} has {len(space)} spatial axes; the patches have {len(patch)} "
            "(for colour give channel_axis)"
        )
    if any(n < p for n, p in zip(space, patch, strict=True)):
        raise InputError(f"{name} of {space} pixels is smaller than a patch of {patch} pixels")


def restored(values: np.ndarray, layout: Layout) -> np.ndarray:
    """Return an image (\\*space, channels) in the axes and the dtype of the user."""
    image = np.ascontiguousarray(layout.restore(np.moveaxis(values, -1, 0)))
    return image.astype(np.float32, copy=False) if layout.dtype == np.float32 else image
