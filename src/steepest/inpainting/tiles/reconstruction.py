"""Quality of a mask tile by tile: the errors are sums over the whole image."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.numbers import check_number
from ...core.status import Status
from ...tiled.picture import Floats, Picture, check_out, check_picture, in_axes
from ...tiled.request import TileRequest
from ..result import Reconstruction
from .diffusion import inpaint_by_tiles


def reconstruct_by_tiles(request: TileRequest, mask: Any, data_range: Any) -> Reconstruction:
    """`steepest.inpainting.reconstruct` tile by tile."""
    picture = replace(check_picture(request.image, request.channel_axis), floats=True)
    if request.out is not None:
        check_out(request.out, picture, ())
    comparison = _Comparison(picture, mask, request.out)
    inner = replace(request, image=Floats(picture), out=comparison, channel_axis=0)
    filled = inpaint_by_tiles(inner, mask, None)
    span, size = comparison.range if data_range is None else data_range, picture.size
    span = check_number(span, "data_range", positive=True)
    mae, mse = comparison.absolute / size, comparison.square / size
    psnr = 20 * math.log10(span) - 10 * math.log10(mse) if mse > 0 else math.inf
    if filled.status is Status.STOPPED:
        mae, mse, psnr = math.inf, math.inf, -math.inf
    density = comparison.known * picture.channels / size
    return Reconstruction(
        request.out, mae, mse, psnr, density, filled.status, int(filled.iterations)
    )


class _Comparison:
    """Compares what is written into it, (C, *space), with an image, and passes it on to ``to``."""

    def __init__(self, picture: Picture, mask: Any, to: Any) -> None:
        floats = Floats(picture)
        self.shape, self.dtype = floats.shape, floats.dtype
        self._picture, self._mask, self._to = picture, mask, to
        self.absolute = self.square = 0.0
        self.known, self._low, self._high = 0, math.inf, -math.inf

    def __setitem__(self, index: tuple[slice, ...], values: np.ndarray) -> None:
        window = index[1:]
        image = self._picture.read(window)
        self._low, self._high = min(self._low, image.min()), max(self._high, image.max())
        error = np.abs(values.astype(np.float64) - image)
        self.absolute += float(error.sum())
        self.square += float((error * error).sum())
        self.known += int(np.count_nonzero(self._mask[window]))
        if self._to is not None:
            at = self._picture.index(window)
            self._to[at] = in_axes(self._picture.restored(values), self._picture.axis)

    @property
    def range(self) -> float:
        """The range of the values of the image; 1 for integer images and constant ones."""
        span = float(self._high) - float(self._low)
        whole = np.dtype(self._picture.array.dtype).kind in "ub"
        return 1.0 if whole or not 0 < span < math.inf else span
