"""`displacement` of images larger than memory: each tile on its own, with a halo.

Tiles do not exchange anything: what is further away than the halo changes the result less than the
tolerance of the solver does (``python -m benchmarks.motion tiles``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..convex.total_variation import TotalVariation
from ..core.arrays import check_magnitude, check_weights, prepare_image
from ..core.errors import InputError
from ..core.progress import Callback, Reporter
from ..core.status import Status, finished
from ..core.tiles import Tiles
from ..tiled.image import ShapeAndDtype, TiledImage
from ..tiled.jobs import TileJob
from ..tiled.picture import Picture, check_array, check_picture, write_result
from ..tiled.request import TileRequest
from ..tiled.workspace import WRITING, Workspace, digest, read
from .estimation import Displacement, Settings, estimate

_HALO = 64  # pixels, besides the largest displacement
_BYTES = 480  # of main memory for each pixel of a tile (measured: 424, and the reading)
_NAMES = "reference", "moved", "weights"
LEADS: dict[str, tuple[int, ...]] = {
    "displacement": (2,), "gradient": (2, 2), "strain": (2, 2), "residual": (),
    "displacement_std": (2,), "strain_std": (2, 2),
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Reference, moved image and perhaps weights as the channels of one image (C, H, W)."""

    pictures: tuple[Picture, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images, and the shape of the first one."""
        return (len(self.pictures), *self.pictures[0].shape)

    @property
    def dtype(self) -> np.dtype:
        """That of the images as floats."""
        return np.result_type(*(each.dtype for each in self.pictures[:2]))

    def __getitem__(self, index: Any) -> np.ndarray:
        parts = []
        for name, each in zip(_NAMES, self.pictures, strict=False):
            part: Any = np.asarray(each.array[index[1:]])
            if name == "weights":
                part = check_weights(part, part.shape, np.empty(0, self.dtype))
            else:
                part = prepare_image(part, None, name, any_size=True)[0][0]
            parts.append(part)
        return np.stack(parts).astype(self.dtype, copy=False)[index[0]]


@dataclass(frozen=True)
class RangeJob(TileJob):
    """The least and the largest value of each image, and the digests of them."""

    picture: Picture

    def run(self) -> tuple[np.ndarray, list[str]]:
        """Read the core."""
        values = self.picture.read(self.tile.core)
        return np.array([values.min((1, 2)), values.max((1, 2))]), [digest(v) for v in values]


@dataclass(frozen=True)
class DisplacementJob(TileJob):
    """Compute a tile, and keep the core of the results of these ``names``."""

    picture: Picture
    names: tuple[str, ...]
    settings: Settings
    span: float

    def run(self) -> np.ndarray:
        """The gap, the iterations, whether the tolerance was met, and the smoothness."""
        first, second, *weights = self.picture.read(self.tile.window)
        weight = weights[0] if weights else np.ones_like(first)
        inner: Any = (..., *self.tile.inner)
        if not (np.ptp(first) and np.ptp(second) and weight.any()):
            for name in self.names:
                known = np.inf if name.endswith("std") else 0
                core = np.full((*LEADS[name], *first[inner].shape), known, first.dtype)
                self.put(name, core)
            return np.array([0.0, 0, True, 0, 0])
        limit = replace(self.settings.limit, num_threads=self.num_threads)
        settings = replace(self.settings, solver=limit)
        found = estimate(first, second, weight, self.span, settings, Reporter(None))
        for name in self.names:
            self.put(name, getattr(found, name)[inner].astype(first.dtype))
        return np.array([found.gaps[-1], found.iterations, found.status.ok, *found.smoothness])


@dataclass(frozen=True)
class _Component:
    """Some axes of what all tiles have kept, by windows."""

    store: Workspace
    name: str
    tiled: TiledImage
    part: tuple[int, ...]

    def __call__(self, window: Any) -> np.ndarray:
        tiling, dtype = self.tiled.tiling, self.tiled.picture.dtype
        found = read(self.store, self.name, tiling, window, LEADS[self.name], dtype, self.part)
        return found[None]


def displacement_by_tiles(
    reference: Any,
    moved: Any,
    settings: Settings,
    on_step: Callback | None,
    out: Mapping[str, Any] | None,
    tiles: Tiles,
) -> Displacement:
    """`displacement` tile by tile."""
    given = zip(_NAMES, (reference, moved, settings.weights), strict=True)
    pictures = [check_picture(x, None, name) for name, x in given if x is not None]
    settings.check_shape(pictures[0].shape, pictures[1].shape)
    if pictures[-1].shape != pictures[0].shape:
        raise InputError(
            f"weights of shape {pictures[-1].shape} must have the shape {pictures[0].shape}"
        )
    pair = Pair(tuple(pictures))
    wanted: Mapping[str, Any] = dict.fromkeys(LEADS) if out is None else out
    if not isinstance(wanted, Mapping) or not wanted or not set(wanted) <= set(LEADS):
        raise InputError(f"out={wanted!r:.60}: needed are arrays by the names {', '.join(LEADS)}")
    space = pair.shape[1:]
    arrays = {
        name: check_array(each, (*LEADS[name], *space), pair.dtype, f"out[{name!r}]")
        for name, each in wanted.items()
    }
    halo = _HALO + math.ceil(settings.max_shift)
    request = TileRequest(
        pair, next(iter(arrays.values())), settings.limit, replace(tiles, halo=halo), 0,
        on_step=on_step,
    )  # fmt: skip
    described = replace(settings, weights=None, solver=None), settings.limit.tol
    tiled = TiledImage(
        request, TotalVariation(), f"motion.displacement {described} {sorted(arrays)}",
        iterations=1, fields=sum(map(len, LEADS.values())), itemsize=_BYTES / 18 / len(pictures),
    )  # fmt: skip
    gap, iterations, status, radii = math.inf, 0, Status.STOPPED, (0.0, 0.0)
    with tiled:
        if tiles.executor is not None:
            own = (tiled.share(each, f"image {k}") for k, each in enumerate(pictures))
            tiled.picture = replace(tiled.picture, array=Pair(tuple(own)))
        span = _survey(tiled)
        rows = np.array(
            tiled.run(
                DisplacementJob, tiled.halo, "displaced", "displacement", [*arrays],
                picture=tiled.picture, names=(*arrays,),
                settings=replace(settings, weights=None), span=span,
            )
        )  # fmt: skip
        gap, iterations = float(rows[:, 0].max()), int(rows[:, 1].sum())
        radii = tuple(rows[:, 3:].max(0).tolist())
        status = Status.CONVERGED if rows[:, 2].all() else Status.MAX_ITERATIONS
        tiled.workspace.once(WRITING, True)
        like = Picture(ShapeAndDtype(space, pair.dtype), None)
        for name, array in arrays.items():
            for part in np.ndindex(*LEADS[name]):
                write_result(array, part, like, _Component(tiled.workspace, name, tiled, part))
    fields: dict[str, Any] = {name: arrays.get(name) for name in LEADS}
    result = Displacement(
        **fields,
        gaps=(gap,), iterations=iterations, smoothness=radii,
        spacing=tuple(settings.steps.tolist()), status=status,
    )  # fmt: skip
    return finished(result, settings.raises)


def _survey(tiled: TiledImage) -> float:
    """Check the values of the images; the range of the reference."""
    rows = tiled.run(RangeJob, 0, "", "survey", picture=tiled.picture)
    ends, digests = zip(*rows, strict=True)
    low, high = np.min([e[0] for e in ends], 0), np.max([e[1] for e in ends], 0)
    for name, a, b, each in zip(_NAMES, low, high, zip(*digests, strict=True), strict=False):
        check_magnitude(np.array([a, b]), name)
        if name == "weights" and b == 0:
            raise InputError("weights are all zero; at least one pixel must count")
        if name != "weights" and a == b:
            raise InputError(f"{name} is constant: there is no texture to follow")
        tiled.workspace.check_same(name, each)
    return float(high[0] - low[0])
