"""The spectral transform ``phi(t) = t u_tt(t)``, which is exactly invertible by construction.

With frames ``u_0 .. u_N`` of the flow at nodes ``0 = t_0 < .. < t_N`` and velocities
``v_n = (u_n - u_{n-1}) / (t_n - t_{n-1})``, the second time derivative of the piecewise linear
flow is a sum of point masses: ``phi = sum_n t_n (v_{n+1} - v_n) delta(t_n)``, n = 1 .. N-1.
Summation by parts gives, for any grid,

    u_0 = sum_n t_n (v_{n+1} - v_n) + u_r,      u_r = u_N - t_N v_N,

so the masses and the residual reproduce the image exactly (Gilboa 2014; residual as in Grossmann et
al., section 4.2.3). Every filter is a linear combination of the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.arrays import as_array
from ..core.errors import InputError
from ..core.namespace import detached
from ..core.numbers import check_count, counted
from ..core.result import ImageResult
from ..flows.result import FlowResult
from ..flows.time_grid import check_times
from .edges import automatic_edges

_MOST = 1e100  # largest gain
_PER_TIME = ("images", "times", "gap", "error_bound", "solver_error", "time_error")

Gains = float | Sequence[float] | np.ndarray | Callable[[np.ndarray], np.ndarray]


class Bands:
    """The bands of a decomposition: ``nodes`` are the times of its frames, ``edges`` those between.

    Band k holds the structures that vanish in ``edges[k] <= t < edges[k + 1]``.
    """

    nodes: np.ndarray
    edges: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Times (N - 1,) of the point masses: the inner nodes."""
        return self.nodes[1:-1]

    @property
    def durations(self) -> np.ndarray:
        """The duration (N - 1,) that each inner node represents."""
        return (self.nodes[2:] - self.nodes[:-2]) / 2

    @property
    def num_bands(self) -> int:
        """Number of bands."""
        return self.edges.size - 1

    @property
    def band_of_node(self) -> np.ndarray:
        """Band index (N - 1,) of each inner node: -1 before the first band, B after the last."""
        return np.searchsorted(self.edges, self.times, side="right") - 1


@dataclass(frozen=True, eq=False)
class Decomposition(Bands):
    """An image split into bands of structures, by the time at which they vanish under a flow.

    Attributes
    ----------
    image : array
        The image in floating point. Integer images are on the [0, 1] scale.
    nodes : array (N + 1,)
        Times of the frames, starting with 0.
    frames : array (N + 1, \\*image.shape)
        The flow at the nodes, starting with the image.
    edges : array (B + 1,)
        Band k holds the structures that vanish in ``edges[k] <= t < edges[k + 1]``.
    flow : FlowResult
        Certificate and status of the flow.
    channel_axis : int or None
        Axis of the channels. None for grey images.
    spacing : tuple of float
        Pixel spacing along each spatial axis.
    coupled : bool
        Whether the flow coupled the channels. If not, each channel has a flow of its own.
    """

    image: np.ndarray
    nodes: np.ndarray
    frames: np.ndarray
    edges: np.ndarray
    flow: FlowResult
    channel_axis: int | None
    spacing: tuple[float, ...]
    coupled: bool = True

    @cached_property
    def spectrum(self) -> np.ndarray:
        """The spectrum ``S(t) = ||phi(t)||_1`` at `times`: the L1 norm of the density.

        The norm is taken over all pixels (Gilboa (2014), Eq. (3.5)). The L1 norm of each point mass
        is divided by the duration of its node: half of the step before plus half of the step after.
        """
        before, after, change = np.empty((3, *self.image.shape))
        masses = []
        for n, duration in enumerate(np.diff(self.nodes)):  # each velocity once, in place
            np.subtract(self.frames[n + 1], self.frames[n], out=after, dtype=np.float64)
            after /= duration
            if n:
                np.abs(np.subtract(after, before, out=change), out=change)
                masses.append(self.nodes[n] * float(change.sum()))
            before, after = after, before
        return np.array(masses) / self.durations

    def mass(self, node: int) -> np.ndarray:
        """The point mass ``t_n (v_{n+1} - v_n)`` of inner node ``node`` (1 .. N-1), float64."""
        t, u = self.nodes, self.frames[node - 1 : node + 2].astype(np.float64)
        after = (u[2] - u[1]) / (t[node + 1] - t[node])
        return np.asarray(t[node] * (after - (u[1] - u[0]) / (t[node] - t[node - 1])))

    def density(self) -> np.ndarray:
        """Return the density ``phi(t)`` at `times`: point masses divided by durations.

        Returns
        -------
        array (N - 1, \\*image.shape)
        """
        densities = [self.mass(n) / duration for n, duration in enumerate(self.durations, 1)]
        return np.array(densities, self.image.dtype).reshape(-1, *self.image.shape)

    @cached_property
    def residual(self) -> np.ndarray:
        """The residual ``u_r = u(T) - T u_t(T)``: what has not vanished by the last time T.

        If everything has vanished, it is the mean of the image.
        """
        return self.combine(np.zeros(self.times.size), 1.0)

    @cached_property
    def bands(self) -> np.ndarray:
        """The bands (B, \\*image.shape). The bands and `residual` add up to the image."""
        index = self.band_of_node
        bands = [self.combine((index == k).astype(float), 0.0) for k in range(self.num_bands)]
        return np.array(bands).reshape(-1, *self.image.shape)

    def combine(self, node_gains: np.ndarray, residual_gain: float) -> np.ndarray:
        """Return ``sum_n g_n phi_n + g_r u_r`` in the dtype of the image.

        ``node_gains`` holds one gain g_n per inner node, and ``residual_gain`` is g_r.
        """
        t = self.nodes
        weights = np.zeros(t.size)  # w_n = g_n t_n; zero at both ends
        weights[1:-1] = node_gains * t[1:-1]
        velocity = weights[:-1] - weights[1:]  # coefficient of v_n, n = 1 .. N
        velocity[-1] -= residual_gain * t[-1]
        per_step = velocity / np.diff(t)
        coefficients = np.zeros(t.size)
        coefficients[1:] += per_step
        coefficients[:-1] -= per_step
        coefficients[-1] += residual_gain
        out = np.zeros(self.image.shape)
        for coefficient, frame in zip(coefficients, self.frames, strict=True):
            if coefficient:
                out += coefficient * frame
        return out.astype(self.image.dtype)

    def recompose(self, gains: Gains = 1.0, residual_gain: float = 1.0) -> np.ndarray:
        """Recompose the image after multiplying every band by its gain.

        Parameters
        ----------
        gains : float, array (B,), or callable
            One gain for all bands, one gain per band, or a gain curve. A gain curve is a function
            of time that is evaluated at `times` and applied at every node, independently of the
            bands.
        residual_gain : float
            Gain of the residual, which contains the mean.

        Returns
        -------
        array of the shape of the image, floating point
            ``recompose(1.0)`` is the image.

        Raises
        ------
        InputError
            If the number of gains differs from the number of bands, or a gain is not finite.
        """
        if callable(gains):
            node_gains = _numbers(gains(self.times), "gains(times)")
            if node_gains.shape not in ((), self.times.shape):
                raise InputError(
                    f"gains(times) has shape {node_gains.shape}; it must have that of times, "
                    f"{self.times.shape}"
                )
            node_gains = np.broadcast_to(node_gains, self.times.shape)
        else:
            values = _numbers(gains, "gains")
            if values.ndim > 1 or (values.ndim == 1 and values.size != self.num_bands):
                raise InputError(
                    f"gains of shape {values.shape} must be one number, one for each of "
                    f"{self.num_bands} bands, or a function of time"
                )
            outside = float(values) if values.ndim == 0 else 0.0
            padded = np.array([outside, *np.broadcast_to(values, self.num_bands), outside])
            node_gains = padded[self.band_of_node + 1]
        rest = _numbers(residual_gain, "residual_gain")
        if rest.ndim or not (np.all(np.abs(node_gains) <= _MOST) and np.abs(rest) <= _MOST):
            raise InputError(
                f"gains and residual_gain must be finite, at most {_MOST:g}, the latter one number"
            )
        return self.combine(node_gains, float(rest))

    def __repr__(self) -> str:
        return (
            f"<Decomposition: {counted(self.num_bands, 'band')} of "
            f"{counted(self.times.size, 'time')} up to {self.nodes[-1]:g}; {self.flow!r}>"
        )


@dataclass(frozen=True, eq=False)
class StoredDecomposition(Bands):
    r"""Bands and residual, written tile by tile; the frames are not kept.

    Attributes
    ----------
    parts : array-like (B + 1, \*image.shape)
        What was written (``out``): the bands and the residual.
    nodes, edges : array
        As for `Decomposition`.
    flow : FlowResult
        Certificate and status of the flow at ``nodes[1:]``; its ``images`` are None.
    """

    parts: Any
    nodes: np.ndarray
    edges: np.ndarray
    flow: FlowResult


@dataclass(frozen=True, eq=False)
class FilteredImage(Bands, ImageResult):
    """A filtered image.

    Attributes
    ----------
    image : array
        In floating point, of the shape of the image; ``out`` by tiles.
    nodes, edges : array
        As for the `Decomposition` that was filtered.
    flow : FlowResult
        Certificate and status of the flow; its ``images`` are None.
    """

    image: Any
    nodes: np.ndarray
    edges: np.ndarray
    flow: FlowResult


def from_flow(
    image: np.ndarray,
    flow: FlowResult,
    *,
    edges: np.ndarray | None = None,
    num_bands: Any = None,
    channel_axis: int | None = None,
    spacing: tuple[float, ...] | None = None,
    coupled: bool = True,
) -> Decomposition:
    """The decomposition of ``image`` by its flow, without the edges by those of `automatic_edges`.

    Bands and residual add up to the image for any frames, also after a stop.
    """
    if flow.times.size and flow.times[0] == 0:
        frames = flow.images
        frames[0] = image  # it may have been scaled and back
        flow = replace(flow, **{name: getattr(flow, name)[1:] for name in _PER_TIME})
    else:
        frames = np.concatenate([image[None], flow.images])
        flow = replace(flow, images=frames[1:])  # keep only one copy of the frames
    nodes = np.concatenate([[0.0], flow.times])
    if nodes.size < 2:
        raise InputError("the flow has no time after 0: nothing to decompose")
    steps = spacing or (1.0,) * (image.ndim - (channel_axis is not None))
    whole = np.array([0.0, np.inf])
    bare = Decomposition(image, nodes, frames, whole, flow, channel_axis, steps, coupled)
    if edges is None:
        edges = automatic_edges(nodes, bare.spectrum * bare.durations, num_bands)
    return replace(bare, edges=edges)


def planes_of(image: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """Return an image, or an array of its shape, as (channels, \\*space)."""
    return image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)


def _numbers(values: Any, name: str) -> np.ndarray:
    """Check that the values are real numbers (infinity is allowed); return them as float64."""
    array = detached(as_array(values, name))
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}={values!r} must be numbers")
    with np.errstate(over="ignore"):
        return np.asarray(array, dtype=float)


def check_bands(bands: Any) -> np.ndarray | None:
    """The edges of ``bands`` by `check_edges`, or None if it is a number of bands or None."""
    if bands is None or np.ndim(bands) == 0:
        if bands is not None:
            check_count(bands, "bands")
        return None
    return check_edges(bands)


def check_edges(edges: Sequence[float]) -> np.ndarray:
    """Check the times between bands; return them with 0 and infinity added at the ends."""
    array = _numbers(edges, "bands")
    if array.ndim != 1:
        raise InputError(f"bands must be a number or a list of times, not of shape {array.shape}")
    inner = array[(array != 0) & ~np.isposinf(array)]
    whole = np.array([0.0, *inner, np.inf])
    given = [e for e in whole if e in array]
    if given != array.tolist():
        raise InputError(f"bands must increase strictly from 0 or later; given: {array.tolist()}")
    if inner.size:
        check_times(inner, "bands")
    return whole
