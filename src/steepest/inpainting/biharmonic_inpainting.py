"""Biharmonic inpainting: the smoothest surface through the known pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.progress import Callback, Reporter
from ..elliptic.hierarchy import build
from ..elliptic.operator import Operator
from ..elliptic.preconditioned import Map, System, compiled_operator, one_cycle, solve_all
from ..elliptic.solve import together
from .checks import check_iteration
from .holes import cut
from .normalised import masked
from .result import InpaintResult
from .steady_state import outcome


def biharmonic(
    image: Any,
    known: Any = None,
    *,
    unknown: Any = None,
    channel_axis: int | None = None,
    tol: float = 1e-6,
    max_num_iter: int = 500,
    on_step: Callback | None = None,
    num_threads: int | None = None,
    raise_on_failure: bool = False,
) -> InpaintResult:
    """Fill in the unknown pixels by a biharmonic surface.

    Minimises ``sum over all pixels of (L u)^2`` with ``u = image`` at known pixels, where L is the
    Laplacian of `inpaint` (5 or 7 points, reflecting boundary, spacing 1): ``L L u = 0`` at unknown
    pixels. The boundary conditions of the image's border are those that the minimum has with a
    reflecting L: the surface meets the border at a right angle. Values overshoot: there is no
    maximum principle. Polynomials up to degree 3 are reproduced where the outer two layers of
    pixels are known.

    Parameters
    ----------
    image : array
        One to three spatial axes, and maybe a channel axis; float32, float64, uint8 or uint16,
        NumPy (also masked). Unknown pixels may hold anything.
    known : Boolean array of the spatial shape, optional
        True: known, kept exactly. Default: the pixels that are neither NaN nor masked.
    unknown : Boolean array of the spatial shape, optional
        The opposite, instead of ``known``: True where pixels are to be filled, as in scikit-image.
    channel_axis : int, optional
    tol : float
        Relative residual at which the iteration stops.
    max_num_iter : int
        Most iterations: about 25 for random masks of 10 %, more for large holes.
    on_step : callable, optional
        Called with a `Progress` after each iteration, all channels taken together: their largest
        residual. Where it returns True, the iteration stops.
    num_threads : int, optional
        Threads that share the channels.
    raise_on_failure : bool
        Raise `NotConverged` where the tolerance was not met.

    Returns
    -------
    InpaintResult
        ``residual`` is ``|L L u| / |b|`` over unknown pixels, the largest of all channels; b is
        ``L L`` of the known values alone.

    Raises
    ------
    InputError
        Bad image or mask, a torch tensor, no known pixel.
    NotConverged
        Only with ``raise_on_failure=True``.

    Notes
    -----
    Conjugate gradients, preconditioned by two approximate solutions of ``-L z = r`` with the same
    mask, each two multigrid cycles: O(pixels) per iteration. scikit-image's ``inpaint_biharmonic``
    solves the same equations with a sparse direct solver, and then clips each channel to the range
    of its known values.

    References
    ----------
    Damelin & Hoang, *On surface completion and image inpainting by biharmonic functions*, Int. J.
    Mathematics and Mathematical Sciences, 2018. Chen, Ranftl & Pock, arXiv:1401.4112.
    """
    tol, max_num_iter, threads = check_iteration(tol, max_num_iter, num_threads, raise_on_failure)
    tell = Reporter(on_step)
    problem = masked(image, known, unknown, channel_axis)
    start = problem.first_guess(threads)
    pieces = cut(~problem.known, 2)
    systems = [_system(~piece.own) for piece in pieces]
    starts = [piece.take(start) for piece in pieces]
    solved = solve_all(systems, starts, tol, max_num_iter, threads, tell.watch)
    for piece, part in zip(pieces, solved, strict=True):
        piece.put(start, part.image)
    solution = together(start, solved)
    return problem.result(
        solution.image,
        float(solution.residual.max()),
        int(solution.iterations.max()),
        outcome(solution, tol, max_num_iter, tell.stopped),
        raise_on_failure,
    )


def _system(known: np.ndarray) -> System:
    weights = (1.0,) * known.ndim
    everywhere = build(Operator(np.zeros(known.shape), weights))
    held = build(Operator(np.where(known, np.inf, 0.0), weights))

    def maps() -> tuple[Map, Map]:
        laplacian, restricted = compiled_operator(everywhere), compiled_operator(held)
        cycle = one_cycle(held)

        def approximately(r: np.ndarray) -> np.ndarray:
            # The product squares the error of a cycle: one alone takes 4 times as many iterations
            # for a hole of 128x128 (127 against 31), two cost half as much again for 10 % known.
            z = cycle(r)
            return z + cycle(r - restricted(z))

        return lambda u: laplacian(laplacian(u)), lambda r: approximately(approximately(r))

    return System(maps, ~known)
