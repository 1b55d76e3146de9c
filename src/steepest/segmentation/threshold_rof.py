"""Denoise by total variation and threshold: any number of classes, each contour with a proof."""

from collections.abc import Sequence
from typing import Any

from ..core.numbers import check_choice, check_count, check_number
from ..core.progress import Callback
from ..core.solver import Solver
from ..core.tiles import Tiles, works_by_tiles
from ..tiled.request import TileRequest
from .inputs import check_inputs, limits_of, only_channel
from .result import Segmentation, finish
from .thresholds import MOST_CLASSES, ThresholdSearch, check_thresholds

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
    all images with these values, which come from a k-means clustering of u (docs/segmentation).

    Parameters
    ----------
    image : array, 1-D to 3-D
        The image; uint8 and uint16 images are scaled to [0, 1].
    strength : float
        Weight of the length of the contours, in grey value x pixel. Objects of contrast c and
        radius r lose their label at about ``c * r / 4`` if the threshold is half-way.
    num_classes : int
        Number of classes, 2 to 255.
    thresholds : increasing sequence of floats, optional
        Fixed thresholds, on the scale of ``strength``. ``num_classes`` is then not used.
    values : "denoised" or "image"
        The values of the classes: means of the denoised image, or of the image itself (the
        iteration T-ROF), between which the thresholds are half-way.
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
        With ``raise_on_failure=True``, if the tolerance is not met or a class is empty.

    References
    ----------
    Chambolle, J. Math. Imaging Vis. 20 (2004) 89-97 (a threshold of ROF is a minimal set).
    Cai & Steidl, EMMCVPR 2013, LNCS 8081, 237-250; Cai, Chan, Schoenlieb, Steidl & Zeng, SIAM J.
    Sci. Comput. 41 (2019) B1310-B1340 (T-ROF).
    """
    if works_by_tiles(image, out, tiles):
        from .tiles.segment import threshold_by_tiles

        own = limits_of(solver)
        request = TileRequest(image, out, own, tiles or Tiles(), None, spacing, on_step)
        return threshold_by_tiles(request, strength, num_classes, energy, thresholds, values)
    strength = check_number(strength, "strength")
    num_classes = check_count(num_classes, "num_classes", least=2, most=MOST_CLASSES)
    values = check_choice(values, "values", VALUES)
    inputs = check_inputs(image, energy, spacing=spacing, solver=solver, on_step=on_step)
    f = only_channel(inputs, "image", "segment them one by one, or together with chan_vese")
    fixed = None if thresholds is None else check_thresholds(thresholds)
    search = ThresholdSearch(inputs, num_classes, fixed, values)
    return finish(inputs, search.run(inputs.rof(f), strength))
