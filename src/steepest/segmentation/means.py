"""The free means of two classes, and the labels that belong to them."""

import numpy as np

from ..core.status import Status
from .inputs import Inputs
from .proof import State
from .result import Found

COARSE = 1e-2  # relative gap at which the means are first updated; a quarter after each round
_MOST_ROUNDS = 200  # of labels and means; measured: 5 to 20


class MeansSearch:
    """Updates labels and means in turn until both rest."""

    def __init__(self, inputs: Inputs, f: np.ndarray, mu: float) -> None:
        self.inputs, self.f, self.mu = inputs, f, mu
        self._size, self._total = f[0].size, f.reshape(len(f), -1).sum(1)
        self.means = np.array([self._total / self._size] * 2)
        self.means = self._means_of(*self._sums_in(_brighter(f)))
        self.rof = inputs.rof(f[0])
        self._coarse = COARSE

    @property
    def distance(self) -> float:
        """The distance of the two means."""
        return float(np.linalg.norm(self.means[1] - self.means[0]))

    @property
    def direction(self) -> np.ndarray:
        """The direction from the darker to the brighter mean."""
        step = self.means[1] - self.means[0]
        return step / self.distance if self.distance else np.eye(len(step))[0]

    @property
    def proven(self) -> bool:
        """Whether the labels meet the tolerance for the means, and the means are theirs."""
        rests = np.array_equal(self._next(), self.means)
        done = self.inputs.within_tol(self.level.gap, self.level.length)
        return self.distance == 0 or (rests and done)

    def found(self) -> Found:
        """Alternate; the labels with their energy."""
        status, level, twice = self._run(), self.level, 2 * self.distance
        energy = sum(self._squares(), twice * level.length)
        return Found(
            level.state, [level], status, self.rof.iterations, self.means, energy,
            twice * level.gap, self.proven,
        )  # fmt: skip

    def _squares(self) -> list[float]:
        """The sums of the squared distances of f to the means, outside and inside."""
        inside = self.level.inside.reshape(self.f.shape[1:])
        return [
            float(((self.f[:, part] - mean[:, None]) ** 2).sum())
            for part, mean in zip((~inside, inside), self.means, strict=True)
        ]

    def _run(self) -> Status:
        """Alternate; returns the status of the last solution."""
        means = self.means
        for _ in range(_MOST_ROUNDS):
            self.means = means if means[0].sum() <= means[1].sum() else means[::-1]
            self._project()
            self._threshold = float(self.direction @ (self.means[0] + self.means[1])) / 2
            strength = self.mu / (2 * self.distance) if self.distance else 0.0
            found = self.rof.solve(strength, self._look)
            self._coarse /= 4
            means = self._next()
            stopped = self.inputs.reporter.stopped or not found.ok
            if self.proven or stopped or not self._in_order(means):
                break
        return found

    def _in_order(self, means: np.ndarray) -> bool:
        """Whether the mean of class 1 is still beyond that of class 0; always for exact sets."""
        return float(self.direction @ (means[1] - means[0])) > 0

    def _project(self) -> None:
        """Project the channels onto the line through both means."""
        if len(self.f) > 1:
            self.rof.data = np.tensordot(self.direction, self.f, 1)
            self.rof.error = 4 * len(self.f) ** 1.5 * float(np.finfo(float).eps)  # of sums

    def _look(self, state: State, gap: float) -> bool:
        self.level = state.prove(self._threshold)
        stop = self.inputs.report(self.level.gap, self.level.length)
        means = self._next()
        moved = self._in_order(means) and not np.array_equal(means, self.means)
        early = gap < self._coarse and moved
        return stop or early or self.inputs.within_tol(self.level.gap, self.level.length)

    def _next(self) -> np.ndarray:
        """The means of the labels."""
        return self._means_of(*self._sums_in(self.level.inside))

    def _sums_in(self, inside: np.ndarray) -> tuple[int, np.ndarray]:
        """The number of pixels of a set, and the sums (channels,) of f there."""
        pixels = self.f.reshape(len(self.f), -1)
        # einsum, because matrix products start threads of their own
        return int(np.count_nonzero(inside)), np.einsum("ci,i->c", pixels, inside.ravel())

    def _means_of(self, count: float, above: np.ndarray) -> np.ndarray:
        """The means (2, channels) of f outside and inside; an empty class keeps its mean."""
        outside = self._size - count
        low = (self._total - above) / outside if outside else self.means[0]
        return np.array([low, above / count if count else self.means[1]])


def _brighter(f: np.ndarray) -> np.ndarray:
    """The pixels above the mean along the line along which the channels vary most."""
    centred = f - f.reshape(len(f), -1).mean(1).reshape(-1, *[1] * (f.ndim - 1))
    if len(f) == 1:
        return centred[0] > 0
    pixels = centred.reshape(len(f), -1)
    line = np.linalg.eigh(pixels @ pixels.T)[1][:, -1]
    return np.tensordot(line if line.sum() > 0 else -line, centred, 1) > 0
