"""Spectral TV with a network: single bands by a derivative in time, or a whole decomposition.

The band of the times ``[a, b]`` is ``int_a^b t u_tt dt = [t u_t - u]_a^b`` (integration by parts),
so one forward-mode derivative in time gives the band of the network's output exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...convex.total_variation import TotalVariation
from ...core.arrays import prepare_image
from ...core.errors import InputError
from ...core.numbers import check_count, check_number
from ...flows.extinction import shortest_of
from ...flows.options import takes_options_of
from ...flows.problem import make_problem
from ...flows.time_grid import check_times, geometric
from ...layers.forward_mode import jvp
from ...spectral.decomposition import Decomposition, check_bands, from_flow
from .fields import check_inputs
from .predict import learned_flow

TRAINED_UNTIL = 0.25
DEFAULT_NUM_STEPS = 40


def learned_bands(module: nn.Module, u0: Tensor, edges: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Spectral bands between given times, and the residual.

    ``band_k = [t u_t(t) - u(t)]`` from ``edges[k]`` to ``edges[k + 1]``, where forward-mode
    differentiation of ``module.solve`` gives ``u_t``. The residual is ``u(T) - T u_t(T)`` at the
    last edge ``T``. Bands and residual add up to ``u(a) - a u_t(a)`` with ``a = edges[0]``: to
    ``u(0)`` if the edges begin at 0.

    Parameters
    ----------
    module : nn.Module
        A network with ``solve(u0, t)``, such as those that `steepest.learning.load` returns.
    u0 : Tensor (N, 1, H, W)
        Images in [0, 1].
    edges : sequence of floats (B + 1,)
        Increasing times, the first zero or positive.

    Returns
    -------
    bands : Tensor (B, N, 1, H, W)
    residual : Tensor (N, 1, H, W)
    """
    start = float(edges[0]) if len(edges) else 0.0
    later = check_times(list(edges)[1:], "edges", start)
    if start < 0:
        raise InputError(f"edges must not be negative; the first is {start:g}")
    check_inputs(u0, u0.new_zeros(len(u0)))
    primitives = []
    for edge in (start, *later):
        t = u0.new_full((len(u0),), float(edge))
        u, rate = jvp(lambda at: module.solve(u0, at), (t,), (torch.ones_like(t),))[:2]  # type: ignore[operator]
        primitives.append(float(edge) * rate - u)
    stacked = torch.stack(primitives)
    return stacked[1:] - stacked[:-1], -stacked[-1]


@takes_options_of(learned_flow)
def learned_decomposition(
    image: Any,
    *,
    bands: int | Sequence[float] | None = None,
    t_max: float | None = None,
    steps: int = DEFAULT_NUM_STEPS,
    channel_axis: int | None = None,
    **options: Any,
) -> Decomposition:
    """Spectral TV decomposition (`steepest.spectral.decompose`) of a flow predicted by a network.

    The flow ends at ``t_max``, because networks are trained up to a fixed time rather than to
    extinction. Structures that have not vanished by then are in the residual. Channels are treated
    as independent images.

    Parameters
    ----------
    image : array (H, W), or with a channel axis
    network, channel_axis, device, on_step
        See `learned_flow`.
    bands
        As in `steepest.spectral.decompose`. Finite times must lie below ``t_max``.
    t_max : float, optional
        Last time of the flow. Default: 0.25, the last time of the networks' training, times the
        image's maximum minus minimum; 0.25 for integer images.
    steps : int
        Number of times of the flow (at least 2 are used), spaced logarithmically.

    Returns
    -------
    Decomposition
        With the certified errors of the flow; see `steepest.spectral.decompose`.

    Raises
    ------
    InputError
        If an argument is not valid, the image is
        constant (it then has no structures), or ``on_step`` stopped the flow before its second
        time.
    """
    edges = check_bands(bands)
    array, layout = prepare_image(image, channel_axis)
    values = layout.restore_axes(array)
    span = float(values.max() - values.min())
    if span == 0:
        raise InputError("image is constant: it has no structures to decompose")
    if t_max is None:
        t_max = TRAINED_UNTIL * (1.0 if layout.integer_maximum is not None else span)
    last = check_number(t_max, "t_max", positive=True)
    if edges is not None and edges.size > 2 and edges[-2] >= last:
        raise InputError(f"bands end at {edges[-2]:g}; they must lie below t_max={last:g}")
    problem = make_problem(image, TotalVariation(), channel_axis=channel_axis)
    first = min(shortest_of(problem) or last / 1000, last / 10)
    nodes = geometric(last, max(check_count(steps, "steps"), 2), first)
    flow = learned_flow(values, nodes, channel_axis=channel_axis, **options)
    return from_flow(
        np.array(values),
        flow,
        edges=edges,
        num_bands=bands if edges is None else None,
        channel_axis=channel_axis,
        coupled=False,
    )
