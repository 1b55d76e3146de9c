"""Two classes under a smooth, unknown illumination."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
from ..core.status import Status
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.solve import solve
from ..flows.options import takes_options_of
from .cut import least_set
from .inputs import Inputs, check_inputs, only_channel
from .proof import Level
from .result import Found, Segmentation, finish

_STARTS = (0.05, 0.2)  # widths of the first bias, relative to the longest side
_REST = 1e-7  # relative decrease of the energy at which the rounds end
_MOST_ROUNDS = 200
_ACCURATE = 1e-9  # relative residual of the bias
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BiasCorrection(Segmentation):
    """A segmentation with the illumination that it assumes.

    Attributes
    ----------
    bias : float64 array (\\*space)
        The illumination, with mean 1.
    corrected : float64 array (\\*space)
        The image divided by the bias.
    """

    bias: np.ndarray
    corrected: np.ndarray


@takes_options_of(check_inputs, without=("name",))
def bias_corrected(
    image: Any, length: float, bias_strength: float, energy: Any = None, **options: Any
) -> BiasCorrection:
    """Segment an unevenly lit image into two classes, and find the illumination.

    The model is that the image f is about ``b * m1`` in class 1 and ``b * m0`` in class 0, with a
    smooth bias b of mean 1. The energy

        ``length * (length of the contour) + sum of |f - b m|^2 + bias_strength/2 * sum |grad b|^2``

    is minimised over the labels (globally, as in `cut`), the bias (a linear equation) and the two
    values in turn, so that it never increases. The labels, the bias and the values of the result
    are each a global minimiser with the others fixed. All three together need not be: two first
    guesses of the bias are tried, and the result with the smaller energy is returned.

    Parameters
    ----------
    image : array, 1-D to 3-D
        The image, with positive grey values of both classes; uint8 and uint16 images are scaled to
        [0, 1].
    length : float
        Weight of the length of the contour, in squared grey values x pixel.
    bias_strength : float
        Positive weight of the smoothness of the bias, in squared grey values x pixel^2. If it is
        too small, the bias follows the objects.
    energy, spacing, solver, on_step
        As in `threshold_rof`.

    Returns
    -------
    BiasCorrection
        ``values`` are those of ``corrected``. ``thresholds`` are 0, and ``image`` is what `cut`
        compares with it.

    References
    ----------
    The energy is that of variational bias correction with total variation, minimised there by PALM;
    Bolte, Sabach & Teboulle, Math. Program. 146 (2014) 459-494.
    """
    inputs = check_inputs(image, energy, **options)
    length = check_number(length, "length")
    strength = check_number(bias_strength, "bias_strength", positive=True)
    f = only_channel(inputs, "image", "correct them one by one")
    if not f.mean() > 0:
        raise InputError(f"image has the mean {f.mean():g}; its grey values must be positive")
    searches = [_BiasSearch(inputs, f, length, strength, start) for start in _STARTS]
    search = min(searches, key=lambda each: each.energy)
    level, b, status = search.level, search.bias, search.status
    ended = status.ok and not inputs.reporter.stopped
    corrected = f / np.where(np.abs(b) > np.finfo(float).tiny, b, 1.0)
    found = Found(
        level.state, [level], status, search.rof.iterations, search.values, search.energy,
        level.gap, ended and inputs.within_tol(level.gap, level.length),
    )  # fmt: skip
    return finish(inputs, found, kind=BiasCorrection, bias=b, corrected=corrected)


class _BiasSearch:
    """Updates bias, values and labels in turn."""

    level: Level

    def __init__(
        self, inputs: Inputs, f: np.ndarray, length: float, strength: float, start: float
    ) -> None:
        self._inputs, self._f, self._length, self._strength = inputs, f, length, strength
        self.rof = inputs.rof(f)
        width = (start * max(n * h for n, h in zip(f.shape, inputs.energy.steps, strict=True))) ** 2
        self.bias = np.full(f.shape, 1.0)
        self.bias = self._smooth(np.ones(f.shape), f, width)
        self.bias /= self.bias.mean()
        flat = f / self.bias
        self.values = np.zeros(2)
        self._inside = flat > flat.mean()
        self._find_values()
        self.energy = np.inf
        self.status = self._run()

    def _run(self) -> Status:
        """Alternate until the energy rests; the status of the last cut."""
        f = self._f
        for count in range(_MOST_ROUNDS):
            if count:
                self._find_bias()
                self._find_values()
            step = self.bias * (self.values[0] - self.values[1])
            total = self.bias * self.values.sum()
            costs = step * (2 * f - total)  # |f - b m1|^2 - |f - b m0|^2
            error = 4 * _EPS * float((np.abs(step) * (2 * np.abs(f) + np.abs(total))).max())
            self.rof, self.level, found = least_set(
                self._inputs, costs, self._length, self.rof, error
            )
            self._inside = self.level.inside.reshape(f.shape)
            before, self.energy = self.energy, self._energy()
            rests = before - self.energy <= _REST * abs(self.energy)
            if rests or not found.ok or self._inputs.reporter.stopped:
                return found
        return Status.MAX_ITERATIONS

    def _means(self) -> np.ndarray:
        """The value of each pixel's class."""
        return np.where(self._inside, self.values[1], self.values[0])

    def _energy(self) -> float:
        energy = self.level.length + float(((self._f - self.bias * self._means()) ** 2).sum())
        for axis, h in enumerate(self._inputs.energy.steps):
            squares = float((np.diff(self.bias, axis=axis) ** 2).sum())
            energy += 0.5 * self._strength * squares / h**2
        return energy

    def _find_values(self) -> None:
        """``m = sum f b / sum b^2`` over each class; an empty class keeps its value."""
        for k, part in enumerate((~self._inside, self._inside)):
            if part.any():
                b = self.bias[part]
                self.values[k] = float((self._f[part] * b).sum() / (b * b).sum())

    def _find_bias(self) -> None:
        """The best bias with mean 1: ``(m^2 - strength/2 div grad) b = m f + nu``."""
        m = self._means()
        particular = self._smooth(m * m, m * self._f, self._strength / 2)
        unit = self._smooth(m * m, np.ones(m.shape), self._strength / 2)
        self.bias = particular + (1 - particular.mean()) / unit.mean() * unit

    def _smooth(self, excess: np.ndarray, right: np.ndarray, strength: float) -> np.ndarray:
        """Solve ``(excess - strength div grad) b = right``."""
        steps = self._inputs.energy.steps
        axes = (1,) * (2 - right.ndim)  # the solver takes two or three axes
        weights = tuple(strength / h**2 for h in (*axes, *steps))
        hierarchy = build(Operator(excess.reshape(*axes, *right.shape), weights))
        shape = (1, *axes, *right.shape)
        start = np.ascontiguousarray(self.bias.reshape(shape))
        found = solve(hierarchy, start, right.reshape(shape), tol=_ACCURATE)
        return found.image.reshape(right.shape)
