"""The thresholds of a denoised image, and the classes between them."""

from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_numbers
from .classes import between
from .inputs import Inputs
from .proof import ProvenSet
from .result import Found

_RENEW = 0.25  # fall of the relative gap at which the classes are computed again
_ACCURATE = 5e-4  # relative gap of an image whose k-means clustering is that of the exact one
_MOST_ROUNDS = 50  # of means and sets; measured: 1 to 4
_PROVEN = 1e-9  # relative gap of sets that are exact but for rounding
_SAME = 1e-12  # relative to the range of the image: means that differ by rounding
MOST_CLASSES = 255


def check_thresholds(thresholds: Any) -> np.ndarray:
    """Check thresholds."""
    levels = np.atleast_1d(check_numbers(thresholds, "thresholds"))
    if levels.ndim != 1 or not 1 <= levels.size < MOST_CLASSES or not (np.diff(levels) > 0).all():
        raise InputError(
            f"thresholds={thresholds!r}; allowed are 1 to {MOST_CLASSES - 1} increasing numbers"
        )
    return levels


class ThresholdSearch:
    """Updates the classes and their sets with each flux of a solver until they are proven."""

    def __init__(
        self, inputs: Inputs, num_classes: int, fixed: np.ndarray | None, values: str
    ) -> None:
        self._inputs, self._num_classes, self._values = inputs, num_classes, values
        self._fixed, self._renewed = fixed, np.inf
        self._thresholds = np.zeros(0) if fixed is None else fixed
        self.means, self.proven, self.rough = np.zeros(0), False, False
        self.levels: list[ProvenSet] = []

    def run(self, rof: Any, strength: float) -> Found:
        """Solve until the sets are proven; in memory or by tiles."""
        status = rof.solve(strength, self.look)
        if self.rough:
            self.finish()
        energy, wanted = self.total("energy"), self._num_classes
        if self._fixed is None:
            energy += 0.5 * self.state.squares(self.means[0])
        else:
            wanted = self._fixed.size + 1
        return Found(
            self.state, self.levels, status, rof.iterations, self.means, energy,
            self.total("gap"), self.proven, wanted,
        )  # fmt: skip

    def look(self, state: Any, gap: float) -> bool:
        """Return True if the tolerance is met and the classes are exact.

        While the image is too rough for that, classes are found by k-means with bins, anew when the
        gap has fallen enough, and sets are not completed.
        """
        self.state, self.rough = state, self._fixed is None and gap > _ACCURATE
        if not self.rough:
            self.finish()
        else:
            if gap <= _RENEW * self._renewed:
                self._renewed = gap
                self._renew(False)
            self._examine(False)
        self.proven = self.done and not self.rough
        return self._inputs.report(self.total("gap"), self.total("length")) or self.proven

    def finish(self) -> None:
        """Find the values and classes of the last state exactly: means are exact where sets are."""
        if self._fixed is not None:
            self._examine()
            self.means = self._means()
            return
        self._renew(True)
        for _ in range(_MOST_ROUNDS):
            self._examine()
            means = self._means()
            moved = np.abs(means - self.means).max(initial=0.0)
            exact = self.total("excess") <= _PROVEN * self.total("length")
            if moved <= _SAME * self.state.span or not exact:
                return
            self.means, self._thresholds = means, between(means)
        self._examine()

    def _renew(self, exact: bool) -> None:
        """Find classes by k-means of u and, for ``values="image"``, by the iteration T-ROF."""
        state = self.state
        self.means = state.kmeans(1 if state.constant else self._num_classes, exact)
        self._thresholds = between(self.means)
        if self._values == "image" and self._thresholds.size:
            self.means, self._thresholds = state.iterate_means(self._thresholds)

    def _means(self) -> np.ndarray:
        """The means of the classes; of an empty class, the middle between its thresholds."""
        counts = [self.state.total[0], *(level.count for level in self.levels), 0]
        sums = [self.state.total[1], *(level.mass for level in self.levels), 0]
        if self._values == "denoised":
            sums[1:-1] = [level.mass - level.length for level in self.levels]
        sizes, t = -np.diff(counts), self._thresholds
        edges = np.concatenate([t[:1], t, t[-1:]]) if t.size else self.means.repeat(2)
        middles = (edges[:-1] + edges[1:]) / 2
        return np.sort(np.where(sizes > 0, -np.diff(sums) / np.maximum(sizes, 1), middles))

    def _examine(self, complete: bool = True) -> None:
        """Find the sets, each inside the one before it (else only if the excess allows for it)."""
        self.levels = []
        for threshold in map(float, self._thresholds):
            found = self.state.prove(threshold, complete)
            if complete and self.levels:
                last = self.levels[-1]
                if found.excess + last.excess >= threshold - last.level:
                    found = self.state.prove(threshold, complete, last)
            self.levels.append(found)

    @property
    def done(self) -> bool:
        """Whether the sets meet the tolerance."""
        return self._inputs.within_tol(self.total("gap"), self.total("length"))

    def total(self, name: str) -> float:
        """The sum of gaps, lengths or energies, weighted by the steps between free values."""
        weights = np.diff(self.means) if self._fixed is None else np.ones(len(self.levels))
        numbers = [getattr(level, name) for level in self.levels]
        return sum(float(w) * each for w, each in zip(weights, numbers, strict=True))
