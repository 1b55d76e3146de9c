"""Spectral TV with a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...convex.total_variation import TotalVariation
from ...core.arrays import prepare_image
from ...core.errors import InputError
from ...core.numbers import check_count, check_number
from ...flows.extinction import shortest_of
from ...flows.options import takes_options_of
from ...flows.problem import make_problem
from ...flows.time_grid import geometric
from ...spectral.decomposition import Decomposition, check_bands, from_flow
from .predict import learned_flow

TRAINED_UNTIL = 0.25
DEFAULT_NUM_STEPS = 40


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
