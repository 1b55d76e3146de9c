"""The mean-flux network: it learns the time-averaged flux and satisfies the flow by construction.

``u(t) = u0 + t div Phi(t)`` with the mean flux ``Phi = N(grad w)``, ``w = u0 / t``, ``|N| <= 1``
(docs/learning_methods). The network refines a first guess in stages. Each stage sees the gradient
of the image that the present flux gives, and so what remains to be changed.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle, silu

from ...core.errors import InputError
from ...core.numbers import check_count
from ...layers.forward_mode import jvp
from .fields import check_inputs, divergence, drop_unused, gradient, project, squared_norm, times_of

_EARLIEST = 1e-6  # times the largest slope: replaces t = 0, when every slope counts as an edge
_STEEPEST = 1e15  # caps slopes, whose squares would overflow
_TINY = 1e-30
_FOLD = 2  # 2x2 pixels are folded into channels, so that convolutions run at half the resolution
_COARSENING = 8  # image sides are padded to multiples of this


class MeanFluxNet(nn.Module):
    """Mean flux of the total variation flow in stages with feedback; 762,600 parameters by default.

    Parameters
    ----------
    channels : three ints
        Channels of the convolutions at 1/2, 1/4 and 1/8 of the image's size.
    stages : int
        Number of refinements of the flux.

    Notes
    -----
    Inputs are images ``(N, 1, H, W)`` of any size and times ``(N,)`` in the solver's units (the
    paper's time 1 is 0.2), in float32 or float64. The shipped network was trained for ``u0`` in
    [0, 1] and ``t`` up to 0.25; by homogeneity this covers any contrast with the same ratio
    ``u0/t``. Under autocast only the convolutions run in bfloat16.
    """

    def __init__(self, channels: Sequence[int] = (32, 48, 64), stages: int = 5) -> None:
        super().__init__()
        if not isinstance(channels, (list, tuple)) or len(channels) != 3:
            raise InputError(f"channels={channels!r}: allowed are three positive whole numbers")
        self.channels = tuple(check_count(c, "channels") for c in channels)
        count = check_count(stages, "stages")
        self.stages = nn.ModuleList(_Stage(self.channels) for _ in range(count))

    def config(self) -> dict[str, Any]:
        """The constructor arguments of this network."""
        return {"channels": list(self.channels), "stages": len(self.stages)}

    def forward(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The flow ``u(t)`` and its **instantaneous** flux ``phi(t)``, for which ``u_t = div phi``.

        ``phi = N(w) - DN(w)[w]`` takes one forward-mode derivative; the total costs about two
        solves. ``|phi| <= 1`` is learned, not imposed, so ``phi`` can exceed 1 by an error of the
        network. :meth:`mean_flux` is in the unit ball by construction.
        """
        check_inputs(u0, t, dtype=next(self.parameters()).dtype)
        w, late = self._slopes(u0, t)
        mean, slope = jvp(self._refine, (w,), (w,))[:2]
        u = u0 + _column(t) * divergence(mean)
        return u, torch.where(late, mean - slope, mean)

    def mean_flux(self, u0: Tensor, t: Tensor) -> Tensor:
        """``Phi(t)``, ``(N, 2, H, W)``, ``|Phi| <= 1``: ``u(t) = u0 + t div Phi(t)``."""
        check_inputs(u0, t, dtype=next(self.parameters()).dtype)
        result: Tensor = self._refine(self._slopes(u0, t)[0])
        return result

    def solve(self, u0: Tensor, t: Tensor | float) -> Tensor:
        """``u(t)`` alone, ``(N, 1, H, W)``; ``t`` is (N,), or one number for all images."""
        times = times_of(t, u0)
        mean = self.mean_flux(u0, times)  # checks both
        return u0 + _column(times) * divergence(mean)

    def _slopes(self, u0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``grad u0 / t`` (t = 0 is replaced by a very early time), and whether t is above 0."""
        late, g = _column(t) > 0, gradient(u0)
        early = _EARLIEST * g.abs().amax((1, 2, 3), keepdim=True) + _TINY
        slopes = g / torch.where(late, _column(t), early)
        return slopes.clamp(-_STEEPEST, _STEEPEST), late

    def _refine(self, g: Tensor) -> Tensor:
        height, width = g.shape[2:]
        below, right = _missing(height), _missing(width)
        moving = g.abs().amax((1, 2, 3), keepdim=True) > 0  # constant images have no flux
        inside = drop_unused(torch.ones_like(g[:1])) * moving  # faces between two pixels
        if torch.compiler.is_compiling() or below or right:  # a graph must serve every size
            g, inside = pad(g, (0, right, 0, below)), pad(inside, (0, right, 0, below))
        p = inside * g * (squared_norm(g) + 1.0).rsqrt()
        features, hidden = _encode(g, p, logarithm=True), None
        for index, stage in enumerate(self.stages):
            if index:
                slope = inside * (g + gradient(divergence(p)))  # of the present image
                features = _encode(slope, p, logarithm=False)
            update, hidden = stage(_fold(features), hidden)
            p = inside * project(p + pixel_shuffle(update, _FOLD))
        return p[:, :, :height, :width]


class _Stage(nn.Module):
    """One refinement: a small U-Net on the folded features; passes on a hidden state."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.enter = _conv(6 * _FOLD**2, fine)
        self.mix = _conv(fine, fine)
        self.down1, self.mix1 = _conv(fine, middle, 2), _conv(middle, middle)
        self.down2, self.mix2 = _conv(middle, coarse, 2), _conv(coarse, coarse)
        self.up1, self.join1 = nn.Conv2d(coarse, middle, 1), _conv(middle, middle)
        self.up0, self.join0 = nn.Conv2d(middle, fine, 1), _conv(fine, fine)
        self.leave = _conv(fine, 2 * _FOLD**2)
        nn.init.zeros_(self.leave.weight)  # an untrained stage changes nothing
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """The update of the folded flux, and the next hidden state."""
        # in place where no derivative needs what is overwritten: a tenth less time
        x = self.enter(features)
        x = _silu(x if hidden is None else x.add_(hidden))
        fine = _silu(self.mix(x))
        middle = _silu(self.mix1(_silu(self.down1(fine))))
        coarse = _silu(self.mix2(_silu(self.down2(middle))))
        middle = _silu(self.join1(_double(self.up1(coarse)).add_(middle)))
        hidden = _silu(self.join0(_double(self.up0(middle)).add_(fine))).add_(x)
        return self.leave(hidden), hidden


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1)


_silu = partial(silu, inplace=True)


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="nearest")


def _missing(side: int) -> int:
    """Pixels missing to the next multiple (without negative numbers, for graph compilers)."""
    return (_COARSENING - side % _COARSENING) % _COARSENING


def _column(t: Tensor) -> Tensor:
    return t.view(-1, 1, 1, 1)


def _fold(features: Tensor) -> Tensor:
    return pixel_unshuffle(features, _FOLD).contiguous(memory_format=torch.channels_last)


def _encode(g: Tensor, p: Tensor, logarithm: bool) -> Tensor:
    """Six channels: slopes bounded at two scales, and their logarithmic size or the flux ``p``."""
    squared = squared_norm(g)
    unit, fine = g * (squared + 1.0).rsqrt(), g * (squared + 0.01).rsqrt()
    if not logarithm:
        return torch.cat([unit, fine, p], 1)
    size = (squared + 1e-6).sqrt()
    return torch.cat([unit, fine, g * (0.3 * torch.log1p(size) / size)], 1)
