"""Displacement and strain between two images, by optical flow with total generalised variation."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.progress import Callback, Reporter
from ..core.solver import Solver
from ..core.status import finished
from ..core.tiles import Tiles, works_by_tiles
from .estimation import Displacement, Settings, between


def displacement(
    reference: Any,
    moved: Any,
    *,
    smoothness: tuple[float, float] | None = None,
    measure: str = "infinitesimal",
    max_shift: float = 2.0,
    weights: Any = None,
    spacing: float | Sequence[float] | None = None,
    load_axis: int | None = None,
    solver: Solver | None = None,
    on_step: Callback | None = None,
    out: Mapping[str, Any] | None = None,
    tiles: Tiles | None = None,
) -> Displacement:
    """Return the displacement u and the strain between two images of the same thing.

    Both images are normalised locally (windows of standard deviation 8 pixels), which removes
    differences of lighting. Then, u and its smooth gradient w minimise::

        sum weights h(moved(x + u) - reference)
            + sum over both components c of alpha1 |grad u_c - w_c| + alpha0 |E w_c|

    where E is the symmetrised gradient, so constant strain costs nothing, and h is the Huber
    function, whose width follows from the residual. The first term is linearised up to 6 times
    (warps); noisy images are smoothed after the second one (docs/motion). The computation is in
    single precision.

    Parameters
    ----------
    reference, moved : (H, W) arrays
        Images with texture, such as a speckle pattern, of at least 16 x 16 pixels.
    smoothness : (alpha1, alpha0), optional
        Larger is smoother. The ratio is a length in pixels. The default is (1/3, 1/6), or more in
        proportion to the residual if there is that much noise.
    measure : "infinitesimal" or "green-lagrange"
        The measure of strain (see `strain`); the second for rotations of more than a degree or two.
    max_shift : float
        Largest displacement to be expected, in pixels. Above 2, blocks of 33 x 33 pixels are first
        searched for in whole pixels.
    weights : (H, W) array, optional
        Weights >= 0 of the pixels of the reference; a Boolean mask of the specimen is allowed.
        Where it is 0, u is extrapolated.
    spacing : float or two floats, optional
        Pixel spacing, such as micrometres per pixel. The displacement is in its unit.
    load_axis : 0 or 1, optional
        The axis of a tensile test: cracks only open, ``(grad u - w) >= 0`` for the component along
        it.
    solver : Solver, optional
        ``tol`` is the relative gap of the convex problem of the last warp (default 0.01; three
        times that before), ``max_num_iter`` the limit for each (3000).
    on_step : callable, optional
        Called with a `Progress` after each warp, or each tile.
    out : mapping, optional
        Arrays by the names of those attributes that are wanted, such as ``{"strain": array}``; the
        others are then None. They have the shapes above, and float32 values, or float64 if one of
        the images has.
    tiles : Tiles, optional
        How to work on large images, see `Tiles`. Each tile is computed on its own, with a halo of
        64 pixels and ``max_shift``, whatever ``tiles`` says.

    Notes
    -----
    The standard deviations follow from the residual, from the image gradient and from the local
    variation of strain. They were calibrated on generated speckle with the default smoothness.
    Where strain is smoothed away, they are too small.

    References
    ----------
    Balle et al., Strain analysis by a total generalized variation regularized optical flow model,
    Inverse Probl. Sci. Eng. 27 (2019) 540-564. They have the absolute value for h.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import affine_transform, gaussian_filter
    >>> from steepest import motion
    >>> before = gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 1.6)
    >>> after = affine_transform(before, [1, 1 / 1.01], mode="reflect")  # stretched by 1 %
    >>> result = motion.displacement(before, after)
    >>> bool(abs(result.strain[1, 1].mean() - 0.01) < 2e-3)
    True
    """
    settings = Settings(smoothness, measure, max_shift, weights, spacing, load_axis, solver)
    if works_by_tiles(reference, out, tiles) or works_by_tiles(moved):
        from .tiles import displacement_by_tiles

        return displacement_by_tiles(reference, moved, settings, on_step, out, tiles or Tiles())
    return finished(between(reference, moved, settings, Reporter(on_step)), settings.raises)
