"""Two classes with free means: the piecewise constant model of Chan and Vese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.numbers import check_number
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import Status, finished
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import Request
from .inputs import DEFAULT_MAX_ITER, DEFAULT_TOL, Inputs, inputs_of
from .proof import State
from .result import Segmentation, assembled

COARSE = 1e-2  # relative gap at which the means are first updated; a quarter after each round
_MOST_ROUNDS = 200  # of labels and means; measured: 5 to 20


def chan_vese(
    image: Any,
    mu: float = 0.25,
    energy: Any = None,
    *,
    channel_axis: int | None = None,
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Segmentation:
    """Segment an image into two classes, each about as bright as its mean.

    The labels minimise

        ``mu * length + sum over class 1 of |f - m1|^2 + sum over class 0 of |f - m0|^2``,

    where f is the image with its range scaled to [0, 1], as in ``skimage.segmentation.chan_vese``
    with ``lambda1 = lambda2 = 1``, so that ``mu`` means the same there and here. Labels and means
    are updated in turn. The labels of the result are a *global* minimiser for its two means, and
    the means are those of the labels. Other pairs of means may have a smaller energy.

    Parameters
    ----------
    image : array, 1-D to 3-D, plus an optional channel axis
        The image. Several channels are segmented together; they share one scale.
    mu : float
        Weight of the length of the contour.
    channel_axis : int, optional
        Axis of the channels.
    energy, spacing, solver, on_step, out, tiles
        As in `threshold_rof`. By tiles, there is one channel.

    Returns
    -------
    Segmentation
        Class 1 is the brighter one; with channels, the one with the larger sum of its values.
        ``energy`` and ``gap`` refer to the scaled image; ``values``, ``thresholds`` and ``image``
        are on the scale of the image. With channels, ``image`` is the brightness along the line
        through both values.

    Raises
    ------
    InputError
        Bad image or options.
    NotConverged
        If the tolerance is not met or a class is empty, and the solver has
        ``raise_on_failure=True``.

    References
    ----------
    Chan & Vese, IEEE Trans. Image Process. 10 (2001) 266-277.
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.segment import chan_vese_by_tiles

        own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
        request = Request(image, out, own, tiles, channel_axis, spacing, on_step)
        return chan_vese_by_tiles(request, mu, energy)
    mu = check_number(mu, "mu")
    inputs = inputs_of(image, energy, channel_axis, spacing=spacing, solver=solver, on_step=on_step)
    low = float(inputs.image.min())
    width = (float(inputs.image.max()) - low) or 1.0
    search = Search(inputs, (inputs.image - low) / width, mu)
    found = search.run()
    level, step, f = search.level, search.distance, search.f
    inside = level.inside.reshape(inputs.space)
    total = 2 * step * level.length
    for part, mean in zip((~inside, inside), search.means, strict=True):
        total += float(((f[:, part] - mean[:, None]) ** 2).sum())
    values = search.means * width + low
    result = assembled(
        [level], level.state, inputs, found, search.rof.iterations,
        values=values if channel_axis is not None or len(f) > 1 else values[:, 0],
        energy=total, gap=2 * step * level.gap, proven=search.proven,
        offset=low * float(search.direction.sum()), factor=width,
    )  # fmt: skip
    return finished(result, inputs.raise_on_failure)


class Search:
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
        done = self.inputs.done(self.level.gap, self.level.length)
        return self.distance == 0 or (rests and done)

    def run(self) -> Status:
        """Alternate; returns the status of the last solution."""
        means = self.means
        for _ in range(_MOST_ROUNDS):
            self.means = means if means[0].sum() <= means[1].sum() else means[::-1]
            self._turn()
            self._threshold = float(self.direction @ (self.means[0] + self.means[1])) / 2
            found = self.rof.solve(
                self.mu / (2 * self.distance) if self.distance else 0.0, self._look
            )
            self._coarse /= 4
            means = self._next()
            stopped = self.inputs.tell.stopped or not found.ok
            if self.proven or stopped or not self._in_order(means):
                break
        return found

    def _in_order(self, means: np.ndarray) -> bool:
        """Whether the mean of class 1 is still beyond that of class 0; always for exact sets."""
        return float(self.direction @ (means[1] - means[0])) > 0

    def _turn(self) -> None:
        """Use the image along the line through both means."""
        if len(self.f) > 1:
            self.rof.data = np.tensordot(self.direction, self.f, 1)
            self.rof.error = 4 * len(self.f) ** 1.5 * float(np.finfo(float).eps)  # of sums

    def _look(self, state: State, gap: float) -> bool:
        self.level = state.prove(self._threshold)
        stop = self.inputs.report(self.level.gap, self.level.length)
        means = self._next()
        moved = self._in_order(means) and not np.array_equal(means, self.means)
        early = gap < self._coarse and moved
        return stop or early or self.inputs.done(self.level.gap, self.level.length)

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
