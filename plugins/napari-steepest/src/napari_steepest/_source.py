"""What the jobs read from a napari layer. Neither Qt nor napari is imported here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest import InputError

LayerData = tuple[Any, dict[str, Any], str]
_MOST = 2**28  # pixels to process at once, in memory
_LARGE = 2**26  # of values that are not in memory yet: above it, tile by tile
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Source:
    """An image layer, and which of its slices or volumes to process.

    ``array`` has leading axes (time, positions), ``num_space`` axes of space and, if ``rgb``,
    one of channels. ``index`` selects the leading axes; None stands for all of them, one by one.
    """

    name: str
    array: Any
    rgb: bool
    num_space: int
    index: tuple[int, ...] | None
    place: dict[str, Any]
    look: dict[str, Any]
    spacing: tuple[float, ...] | None

    @classmethod
    def of(
        cls,
        layer: Any,
        *,
        num_space: int = 2,
        every: bool = True,
        point: tuple[float, ...] = (),
        use_scale: bool = False,
    ) -> Source:
        """Read a layer.

        ``num_space`` is 2 for slices and 3 for volumes. Unless ``every``, only the slice or volume
        at ``point`` (world coordinates) is processed. With ``use_scale``, the scale of the layer is
        the pixel spacing. Multiscale layers are processed at full resolution.

        No pixel is read. Raises `InputError` if there is no layer, or its axes or units do not
        allow this.
        """
        if layer is None:
            raise InputError("There is no image layer. Open an image first.")
        array = layer.data[0] if layer.multiscale else layer.data
        rgb = bool(getattr(layer, "rgb", False))
        ndim = array.ndim - rgb
        if ndim < num_space:
            raise InputError(f"{layer.name} has {ndim} axes, so it has no volumes. Choose slices.")
        lead = array.shape[: ndim - num_space]
        names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
        place = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
        look = (
            {} if rgb else {name: getattr(layer, name) for name in ("colormap", "contrast_limits")}
        )
        spacing, index = None, None
        if use_scale:
            units = _units(place, num_space)
            if len(units) > 1:
                raise InputError(
                    f"{layer.name} has different units along its axes ({', '.join(sorted(units))}),"
                    " so its scale cannot be the pixel spacing."
                )
            spacing = tuple(float(step) for step in layer.scale[-num_space:])
        if lead and not every:
            here = np.round(layer.world_to_data(point))[: len(lead)]
            index = tuple(int(i) for i in np.clip(here, 0, np.array(lead) - 1))
            corner = np.array([*index, *[0] * num_space], float)
            shift = np.subtract(layer.data_to_world(corner), layer.data_to_world(0 * corner))
            linear = np.asarray(layer.affine)[:-1, :-1]  # the last transform, after translate
            place["translate"] = layer.translate + np.linalg.solve(linear, shift)
        return cls(layer.name, array, rgb, num_space, index, place, look, spacing)

    @property
    def lead(self) -> tuple[int, ...]:
        """The shape of the leading axes of the results."""
        shape = self.array.shape[: self.array.ndim - self.rgb - self.num_space]
        return shape if self.index is None else (1,) * len(shape)

    @property
    def num_frames(self) -> int:
        """The number of slices or volumes to process."""
        return math.prod(self.lead)

    @property
    def channel_axis(self) -> int | None:
        """The axis of the channels of a frame."""
        return -1 if self.rgb else None

    @property
    def space(self) -> tuple[int, ...]:
        """The shape of a slice or volume, without channels."""
        return tuple(
            self.array.shape[self.array.ndim - self.rgb - self.num_space :][: self.num_space]
        )

    @property
    def large(self) -> bool:
        """Whether a slice or volume is better processed tile by tile."""
        most = _MOST if isinstance(self.array, np.ndarray) else _LARGE
        return math.prod(self.space) * (3 if self.rgb else 1) > most

    @property
    def pixel_size(self) -> tuple[float, str]:
        """The geometric mean of the scale along the axes of space, and its unit.

        It is one pixel if the axes have different units.
        """
        units = _units(self.place, self.num_space)
        if len(units) > 1:
            return 1.0, "pixel"
        scale = np.asarray(self.place["scale"])[-self.num_space :]
        return float(np.prod(scale) ** (1 / self.num_space)), units.pop()

    def frames(self) -> Iterator[np.ndarray]:
        """The slices or volumes, read one by one; of four channels, the first three.

        Raises `InputError` if they are too large.
        """
        if math.prod(self.space) > _MOST:
            raise InputError(
                f"{self.name} has {' x '.join(map(str, self.space))} pixels; at most {_MOST:,} can "
                "be processed here. Crop it first."
            )
        for index in np.ndindex(self.lead) if self.index is None else (self.index,):
            frame = np.asarray(self.array[index])
            yield frame[..., :3] if self.rgb else frame

    def grey_frames(self) -> Iterator[np.ndarray]:
        """The same, with the luminance of colours."""
        return map(grey, self.frames()) if self.rgb else self.frames()

    def stack(self, frames: Any, *, first: bool = False) -> Any:
        """The results of all frames as one array; ``first``: their first axis comes first."""
        data = np.stack(frames).reshape(self.lead + frames[0].shape) if self.lead else frames[0]
        return np.moveaxis(data, len(self.lead), 0) if first else data

    def layer(
        self, data: Any, name: str, kind: str = "image", *, first: str = "", **options: Any
    ) -> LayerData:
        """A layer in the same place as the source, with ``first`` as a further axis before.

        ``data`` is an array for all frames, or a list of them: the levels of a pyramid.
        """
        place = with_axis(self.place, first) if first else self.place
        if isinstance(data, list):
            options["multiscale"] = len(data) > 1
            data = data if len(data) > 1 else data[0]
        if kind == "image":
            options.setdefault("rgb", self.rgb)
        return data, {"name": f"{self.name} {name}", **place, **options}, kind


def with_axis(place: dict[str, Any], label: str) -> dict[str, Any]:
    """The place of a layer with one more axis before the others."""
    ndim = len(place["scale"])
    before = {"scale": 1.0, "translate": 0.0, "units": "pixel", "axis_labels": label}
    out: dict[str, Any] = {name: (before[name], *place[name]) for name in before if name in place}
    for name in ("rotate", "affine"):
        if name in place:
            matrix = np.eye(len(np.asarray(place[name])) + 1)
            matrix[1:, 1:] = place[name]
            out[name] = matrix
    if "shear" in place:  # above the diagonal, row by row
        out["shear"] = np.concatenate([np.zeros(ndim), place["shear"]])
    return out


def _units(place: dict[str, Any], num_space: int) -> set[str]:
    """The different units along the axes of space."""
    return {str(unit) for unit in place.get("units", ("pixel",))[-num_space:]}


def grey(frame: np.ndarray) -> np.ndarray:
    """The luminance of colours, from 0 to 1 for integers."""
    top = np.iinfo(frame.dtype).max if frame.dtype.kind == "u" else 1
    return (luminance(frame) / top).astype(np.float32)


def luminance(colours: np.ndarray) -> np.ndarray:
    """The luma of ITU-R BT.601, which may be negative for differences of colours."""
    return colours @ _LUMA.astype(np.result_type(colours.dtype, np.float32))
