"""Convert the user's arguments to independent problems, and their solutions back."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.capabilities import built_in, require
from ..convex.check import as_energy, assure
from ..convex.energy import Energy
from ..convex.total_variation import TotalVariation
from ..core.arrays import (
    Layout,
    batch_items,
    check_data_range,
    check_spacing,
    own_channel_axis,
    prepare_image,
    scale_of,
)
from ..core.errors import InputError
from ..core.namespace import Array, cast, detached, is_torch, magnitude, namespace, to_float64
from ..core.numbers import check_number, check_numbers

_SOONEST, _LATEST = 1e-100, 1e100  # allowed times for values near one, so squares stay finite


@dataclass(frozen=True, eq=False)
class Problem:
    """An image split into independent parts ``(channels, *space)``, and the way to combine them.

    Values far from one are multiplied by ``scale``, a power of two, so that values such as 1e-12
    and 1e12 cause no underflow or overflow. As the energy is one-homogeneous, so are times. If
    ``of_tensor``, the image is a tensor in main memory, and the parts are arrays in the same
    memory, which have compiled solvers.
    """

    parts: list[Array]
    energy: Energy
    layout: Layout
    batch_axis: int | None
    num_items: int
    scale: float
    data_range: float
    of_tensor: bool = False

    @property
    def size(self) -> int:
        """Number of values in one batch item."""
        return math.prod(self.layout.shape)

    def in_floats(self) -> Problem:
        """Return the same problem with floating-point results, also for integer images."""
        dtype = self.parts[0].dtype
        return replace(self, layout=replace(self.layout, dtype=dtype))

    def image(self) -> Array:
        """The image in the caller's axes, in floating point, perhaps in the caller's memory."""
        parts = [rescaled(part, 1 / self.scale) for part in self.parts]
        return self.assemble(parts, integers=False)

    def owned(self) -> Problem:
        """Return the same problem with copies of its arrays, which no caller can change."""
        parts = [part * 1 for part in self.parts]
        return replace(self, parts=parts, energy=deepcopy(self.energy))

    def check_times(self, times: np.ndarray, name: str) -> None:
        """Refuse times and strengths too small or too large for the values of the image."""
        scaled = times[times > 0] * self.scale
        if scaled.size and not (scaled.min() >= _SOONEST and scaled.max() <= _LATEST):
            low, high = _SOONEST / self.scale, _LATEST / self.scale
            bad = times[(times > 0) & ((times < low) | (times > high))]
            raise InputError(
                f"{name}={bad[0] if bad.size else times[0]:g}; with the values of this image, "
                f"allowed are 0 and numbers from {low:.2g} to {high:.2g}"
            )

    @property
    def parts_per_item(self) -> int:
        """Number of parts per batch item: 1, or the number of channels if they are not coupled."""
        return len(self.parts) // self.num_items

    def assemble(self, parts: Sequence[Array], leading: int = 0, integers: bool = True) -> Array:
        """Combine parts ``(*leading, channels, *space)`` to an array in the caller's axes."""
        xp = namespace(parts[0])
        per_item = self.parts_per_item
        items = []
        for i in range(self.num_items):
            own = list(parts[i * per_item : (i + 1) * per_item])
            item = own[0] if per_item == 1 else xp.concatenate(own, leading)
            restore = self.layout.restore if integers else self.layout.restore_axes
            items.append(restore(item, leading))
        if self.batch_axis is None:
            return self.returned(items[0])
        return self.returned(xp.stack(items, leading + self.batch_axis))

    def returned(self, array: Array) -> Array:
        """An array as the library of the image has it: as a tensor if ``of_tensor``."""
        if not self.of_tensor or is_torch(array):
            return array
        return sys.modules["torch"].from_numpy(array)

    def split(self, array: Array, leading: int = 0) -> list[Array]:
        """Split an array in the caller's axes into views ``(*leading, channels, *space)``."""
        xp, ahead = namespace(array), (slice(None),) * leading
        items = [array]
        if self.batch_axis is not None:
            items = list(xp.moveaxis(array, leading + self.batch_axis, 0))
        if self.layout.channel_axis is None:
            parts = [item[(*ahead, None)] for item in items]
        else:
            axis = leading + self.layout.channel_axis
            parts = [xp.moveaxis(item, axis, leading) for item in items]
        if self.parts_per_item == 1:
            return parts
        channels = range(self.parts_per_item)
        return [part[(*ahead, slice(c, c + 1))] for part in parts for c in channels]

    def certificate(self, per_part: np.ndarray, combine: str = "norm") -> np.ndarray:
        """Combine values (parts, T) of all parts to (T,), or to (T, items) for a batch."""
        per_item = np.asarray(per_part).reshape(self.num_items, -1, np.shape(per_part)[1])
        if combine == "norm":
            largest = np.maximum(per_item.max(1), np.finfo(float).tiny)
            out = largest * np.sqrt(((per_item / largest[:, None]) ** 2).sum(1))
        else:
            out = per_item.sum(1) if combine == "sum" else per_item.max(1)
        return out[0] if self.batch_axis is None else out.T


def make_problem(
    image: Any,
    energy: Energy | None,
    *,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
) -> Problem:
    """Check an image, the options that describe it and the energy (by default total variation)."""
    energy = as_energy(TotalVariation() if energy is None else energy)
    channel_axis = own_channel_axis(image, channel_axis)
    image = image.detach() if is_torch(image) else image
    if is_torch(image) and image.device.type == "mps":
        raise InputError(
            "image is on the device mps, which has no float64, and the certificate needs it; "
            "allowed are other devices (image.cpu() uses the compiled solver)"
        )
    items, batch, channel_axis = batch_items(image, batch_axis, channel_axis)
    prepared = [prepare_image(item, channel_axis) for item in items]
    arrays, layout = [array for array, _ in prepared], prepared[0][1]
    of_tensor = in_main_memory(arrays[0]) and built_in(energy)
    arrays = [*map(detached, arrays)] if of_tensor else arrays
    require(energy, f"{arrays[0].ndim - 1}-D")
    if spacing is None:
        spacing = getattr(energy, "spacing", None)
    steps = check_spacing(spacing, arrays[0].ndim - 1)
    largest = max(map(magnitude, arrays))
    scale = scale_of(largest)
    energy = energy.on(arrays[0], steps).scaled(scale)
    parts = [rescaled(array, scale) for array in arrays]
    if not energy.coupled:
        parts = [part[c : c + 1] for part in parts for c in range(part.shape[0])]
    assure(energy, parts[0])
    return Problem(
        parts=parts,
        energy=energy,
        layout=layout,
        batch_axis=batch,
        num_items=len(items),
        scale=scale,
        data_range=check_data_range(None, arrays, layout),
        of_tensor=of_tensor,
    )


def in_main_memory(array: Any) -> bool:
    """Return True for a torch tensor on the CPU."""
    return is_torch(array) and array.device.type == "cpu"


def rescaled(array: Array, factor: float) -> Array:
    """Compute ``array * factor``, for a power of two, in float64 to avoid under- and overflow."""
    if factor == 1.0:
        return array
    return cast(to_float64(array) * factor, array.dtype)


def each_channel(value: Any, name: str, problem: Problem) -> float | np.ndarray:
    """Check a non-negative number or, for separate channels, an array (channels,) of them."""
    if not isinstance(value, (list, tuple)) and not getattr(value, "ndim", 0):
        return check_number(value, name)
    values, count = check_numbers(value, name), problem.parts_per_item
    if problem.energy.coupled:
        raise InputError(
            f"{name}={value!r}; one number is allowed (one per channel only with coupled=False)"
        )
    if values.shape != (count,):
        raise InputError(f"{name} of shape {values.shape}; allowed are one number and {count}")
    for each in values:
        check_number(float(each), name)
    return values


def of_parts(value: float | np.ndarray, problem: Problem) -> list[float]:
    """Repeat the numbers, so that there is one for every part of the problem."""
    one_item = np.broadcast_to(value, (problem.parts_per_item,))
    return [float(each) for each in np.tile(one_item, problem.num_items)]


def by_channel(values: Sequence[float], problem: Problem) -> float | np.ndarray:
    """The numbers of all parts: one, or an array (images, channels) without unused axes."""
    separate = problem.layout.channel_axis is not None and not problem.energy.coupled
    batched = problem.batch_axis is not None
    if not (separate or batched):
        return values[0]
    table = np.array(values).reshape(problem.num_items, problem.parts_per_item)
    return table if separate and batched else table.ravel()
