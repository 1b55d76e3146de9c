"""One set of least length and cost: any two-class problem with a cost per pixel."""

from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.status import Status
from ..flows.options import takes_options_of
from .inputs import Inputs, check_inputs, only_channel
from .proof import Faces, Level, State
from .result import Found, Segmentation, finish
from .rof import Rof


@takes_options_of(check_inputs, without=("name",))
def cut(unary: Any, length: float, energy: Any = None, **options: Any) -> Segmentation:
    """Find the set E with the least ``length * (length of its contour) + sum over E of unary``.

    This is the problem of a graph cut. The cost ``unary`` says what it costs to put a pixel into E:
    negative numbers draw it in. Examples are

    - ``|f - m1|^2 - |f - m0|^2``, summed over channels, for classes with known means or colours,
    - ``log((1 - p) / p)`` for the probabilities p of a network,
    - the same with large negative or positive numbers at seeds that must be inside or outside.

    Parameters
    ----------
    unary : array, 1-D to 3-D
        The cost of each pixel. The size of numbers that decide on their own does not matter.
    length : float
        Weight of the length of the contour.
    energy, spacing, solver, on_step
        As in `threshold_rof`. Weights of the energy make the contour cheap where they are small,
        such as at edges.

    Returns
    -------
    Segmentation
        ``labels`` are 1 in E and 0 elsewhere, and ``values`` the mean of ``-unary`` in each class.
    """
    inputs = check_inputs(unary, energy, name="unary", **options)
    length = check_number(length, "length")
    costs = only_channel(inputs, "unary", "add the costs of the channels")
    rof, level, status = least_set(inputs, costs, length)
    energy = level.length + float(costs[level.inside.reshape(inputs.space)].sum())
    proven = inputs.within_tol(level.gap, level.length)
    found = Found(
        level.state, [level], status, rof.iterations, _means(-costs, level), energy, level.gap,
        proven,
    )  # fmt: skip
    return finish(inputs, found)


def least_set(
    inputs: Inputs, costs: np.ndarray, length: float, rof: Rof | None = None, error: float = 0.0
) -> tuple[Rof, Level, Status]:
    """Solve the problem of `cut`, from the flux of ``rof`` if there is one.

    Costs up to ``error`` count as zero; those beyond what can flow to a pixel are cut off.
    """
    faces = Faces.of(inputs.energy, inputs.space, length)
    enough = 2 * faces.largest + 8 * error
    known = np.where(np.abs(costs) > error, -costs, 0.0)
    f = np.clip(known, -enough, enough) if enough > 0 else np.sign(known)
    if rof is None:
        rof = inputs.rof(f)
    else:
        rof.data = f
    rof.error = 2 * error
    last: list[Level] = []

    def look(state: State, gap: float) -> bool:
        last[:] = [state.prove(0.0)]
        excess, size = last[0].gap, last[0].length
        return inputs.report(excess, size) or inputs.within_tol(excess, size)

    found = rof.solve(length, look)
    return rof, last[0], found


def _means(f: np.ndarray, level: Level) -> np.ndarray:
    """The means of f outside and inside a set; 0 for the mean over no pixels."""
    inside = level.inside.reshape(f.shape)
    return np.array([f[part].mean() if part.any() else 0.0 for part in (~inside, inside)])
