"""Denoise by total variation and threshold: any number of classes, each contour with a proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_choice, check_count, check_number, check_numbers
from ..core.progress import Callback
from ..core.solver import Solver, limits
from ..core.status import finished
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import Request
from .classes import between
from .inputs import DEFAULT_MAX_ITER, DEFAULT_TOL, Inputs, grey, inputs_of
from .proof import Level, State
from .result import Segmentation, assembled

_RENEW = 0.25  # of the relative gap: when the classes are computed again
_ACCURATE = 5e-4  # relative gap of an image whose k-means clustering is that of the exact one
_MOST_ROUNDS = 50  # of means and sets; measured: 1 to 4
_PROVEN = 1e-9  # relative gap of sets that are exact but for rounding
_SAME = 1e-12  # relative to the range of the image: means that differ by rounding
MOST_CLASSES = 255
VALUES = ("denoised", "image")


def threshold_rof(
    image: Any,
    strength: float,
    num_classes: int = 2,
    energy: Any = None,
    *,
    thresholds: Sequence[float] | None = None,
    values: str = "denoised",
    spacing: float | Sequence[float] | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Any = None,
    tiles: Tiles | None = None,
) -> Segmentation:
    """Segment an image by its grey values, with smooth contours.

    The image is denoised, ``u = argmin 1/2||u - f||^2 + strength * TV(u)`` with anisotropic total
    variation, and each pixel gets the number of thresholds below its u. Each set of pixels above a
    threshold t is a *global* minimiser of

        ``strength * length + sum over the set of (t - f)``,

    as ``gap`` and ``certain`` prove.

    By default the thresholds are half-way between the values m of the classes. The labelled image
    q, with the value ``m_k`` in class k, then minimises ``strength * TV(q) + 1/2||q - f||^2`` among
    all images with these values. The values come from a k-means clustering of a nearly exact u,
    and are updated together with the labels until both agree. They are nearly the best: in tests,
    the energy was within 1e-8 of the best one (docs/certificate). In this model, the contour
    between two classes costs in proportion to the difference of their values.

    Parameters
    ----------
    image : array, 1-D to 3-D
        The image. Floating-point images are used without scaling; uint8 and uint16 images are
        scaled to [0, 1].
    strength : float
        Weight of the length of the contours, in grey value x pixel. Objects of contrast c and
        radius r lose their label at about ``c * r / 4`` if the threshold is half-way.
    num_classes : int
        Number of classes, 2 to 255.
    thresholds : increasing sequence of floats, optional
        Fixed thresholds, on the scale of ``strength``. ``num_classes`` is then not used.
    values : "denoised" or "image"
        The values of the classes: means of the denoised image, or of the image itself. With
        "image", the thresholds are half-way between these means, found by the iteration T-ROF. If
        this iteration does not come to rest, the values are the means of the labels before.
    energy : TotalVariation or CroftonTotalVariation, optional
        How the length of contours is measured, with weights if it has them.
        ``TotalVariation(norm="anisotropic")`` (default): along the axes, so that a diagonal counts
        as its two sides. ``CroftonTotalVariation()``: also along diagonals (2-D only), which is
        nearly the Euclidean length, without staircases; slower.
    spacing
        As in `steepest.denoise`.
    solver : Solver, optional
        ``tol`` is the largest ``gap``, relative to the length of all contours. With the default,
        1e-9, the solver runs until all labels are proven (except for ties) and free values rest, or
        up to ``max_num_iter`` (5000).
    on_step : callable, optional
        Called with a `steepest.core.progress.Progress` when the labels are examined; ``residual``
        is the gap relative to the length. Return True to stop.
    out : array-like of uint8 of the shape of ``image``, or a pair of them, optional
        Where the labels and, in the second array, 255 for labels that are not certain are written
        tile by tile; see `steepest.Tiles`.
    tiles : Tiles, optional
        How to work on an image that does not fit in memory. ``values`` must then be "denoised", and
        the energy the default one, without weights.

    Returns
    -------
    Segmentation
        ``energy`` is ``strength * TV(q) + 1/2||q - f||^2`` for ``values="denoised"`` and "image";
        for fixed thresholds, it is the sum of the energies of their sets. ``gap`` bounds its
        excess, for these thresholds. If there are fewer different values than classes, the result
        has fewer classes and the status `Status.EMPTY_CLASS`.

    Raises
    ------
    InputError
        Bad image, strength, thresholds or options.
    NotConverged
        If the tolerance is not met or a class is empty, and the solver has
        ``raise_on_failure=True``.

    References
    ----------
    Chambolle, J. Math. Imaging Vis. 20 (2004) 89-97 (a threshold of ROF is a minimal set).
    Cai & Steidl, EMMCVPR 2013, LNCS 8081, 237-250; Cai, Chan, Schoenlieb, Steidl & Zeng, SIAM J.
    Sci. Comput. 41 (2019) B1310-B1340 (T-ROF).
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.segment import threshold_by_tiles

        own = limits(solver, tol=DEFAULT_TOL, max_num_iter=DEFAULT_MAX_ITER)
        request = Request(image, out, own, tiles, None, spacing, on_step)
        return threshold_by_tiles(request, strength, num_classes, energy, thresholds, values)
    strength = check_number(strength, "strength")
    num_classes = check_count(num_classes, "num_classes", least=2, most=MOST_CLASSES)
    values = check_choice(values, "values", VALUES)
    inputs = inputs_of(image, energy, spacing=spacing, solver=solver, on_step=on_step)
    f = grey(inputs, "image", "segment them one by one, or together with chan_vese")
    fixed = None if thresholds is None else increasing(thresholds)
    search = Search(inputs, num_classes, fixed, values)
    rof = inputs.rof(f)
    found = rof.solve(strength, search.look)
    if search.rough:
        search.finish()
    total, wanted = search.total("energy"), num_classes
    if fixed is None:
        total += 0.5 * float(((f - search.means[0]) ** 2).sum())
    else:
        wanted = fixed.size + 1
    result = assembled(
        search.levels, search.state, inputs, found, rof.iterations, values=search.means,
        energy=total, gap=search.total("gap"), proven=search.proven, wanted=wanted,
    )  # fmt: skip
    return finished(result, inputs.raise_on_failure)


def increasing(thresholds: Any) -> np.ndarray:
    """Check thresholds."""
    levels = np.atleast_1d(check_numbers(thresholds, "thresholds"))
    if levels.ndim != 1 or not 1 <= levels.size < MOST_CLASSES or not (np.diff(levels) > 0).all():
        raise InputError(
            f"thresholds={thresholds!r}; allowed are 1 to {MOST_CLASSES - 1} increasing numbers"
        )
    return levels


class Search:
    """Looks at the fluxes of a solver until the sets at the thresholds are proven."""

    def __init__(
        self, inputs: Inputs, num_classes: int, fixed: np.ndarray | None, values: str
    ) -> None:
        self._inputs, self._num_classes, self._values = inputs, num_classes, values
        self._fixed, self._renewed = fixed, np.inf
        self._thresholds = np.zeros(0) if fixed is None else fixed
        self.means, self.proven, self.rough = np.zeros(0), False, False
        self.levels: list[Level] = []

    def look(self, state: State, gap: float) -> bool:
        """Whether the tolerance is met, and the classes are exact.

        As long as the image is too rough for the classes, they are found roughly, where the
        relative gap has become much smaller, and the sets are not improved.
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
        """Find the values and classes of the last state exactly.

        The sum of the exact u over a set of least energy is that of f less the length of its
        contour: so the means of the classes are exact where the sets are.
        """
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
        state = self.state
        self.means = state.kmeans(1 if state.constant else self._num_classes, exact)
        self._thresholds = between(self.means)
        if self._values == "image" and self._thresholds.size:
            self.means, self._thresholds = state.rest(self._thresholds)

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
        """Find the sets, each inside the one before it, as sets of least energy are.

        Two sets have pixels in the wrong order only if their excess allows for the difference of
        the thresholds at one of these.
        """
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
        return self._inputs.done(self.total("gap"), self.total("length"))

    def total(self, name: str) -> float:
        """The sum of gaps, lengths or energies, weighted by the steps between free values."""
        weights = np.diff(self.means) if self._fixed is None else np.ones(len(self.levels))
        numbers = [getattr(level, name) for level in self.levels]
        return sum(float(w) * each for w, each in zip(weights, numbers, strict=True))
