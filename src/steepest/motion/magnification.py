"""Magnified motion."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import as_array, normalize_axis
from ..core.errors import InputError
from ..core.numbers import check_count, check_real
from ..core.progress import Callback
from ..core.result import Result
from ..core.solver import Solver
from ..core.status import Status
from .forward import warp_forward
from .series import follow

_ALTERNATIONS = 30  # for one mode
_SHARE = 0.05  # of the largest value; smaller ones of a mode become 0


@dataclass(frozen=True)
class Magnified(Result):
    """Frames whose motion was magnified.

    Attributes
    ----------
    frames : array like the given frames
    displacement : (T, 2, H, W) array
        The motion from the first frame, in pixels, before magnification.
    folds : tuple of ints
        For each frame, the number of triangles that are turned over (see `warp_forward`).
    status : Status
    """

    frames: np.ndarray
    displacement: np.ndarray
    folds: tuple[int, ...]
    status: Status


def magnify(
    frames: Any,
    factor: float = 10.0,
    *,
    modes: int | None = None,
    region: Any = None,
    channel_axis: int | None = None,
    max_shift: float = 2.0,
    solver: Solver | None = None,
    on_step: Callback | None = None,
) -> Magnified:
    """Return frames in which all motion is ``factor`` times as large.

    The displacement ``u_t`` from the first frame to each frame is estimated by `displacement`, and
    the first frame is moved by ``factor u_t`` with `warp_forward`. Changes of lighting are lost.

    Parameters
    ----------
    frames : (T, H, W) array
        A series along axis 0, with channels if ``channel_axis`` is given; motion is estimated from
        their mean.
    factor : float
        1 keeps the motion, 0 removes it.
    modes : int, optional
        Replace the motion by this many modes ``s_k(t) phi_k(x)``, sparse in time and in space (a
        penalised matrix decomposition, in which values below 5 % of the largest become 0): what
        moves elsewhere, or at other times, is noise.
    region : (H, W) array, optional
        Factors from 0 to 1 of the motion to be magnified, such as a mask; elsewhere it is kept.
    channel_axis, max_shift, solver, on_step
        See `displacement`.

    Returns
    -------
    result : Magnified

    References
    ----------
    Flotho, Heiss, Steidl & Strauss, Lagrangian motion magnification with double sparse optical flow
    decomposition, Front. Appl. Math. Stat. 9 (2023) 1164491.
    Witten, Tibshirani & Hastie, A penalized matrix decomposition, with applications to sparse
    principal components and canonical correlation analysis, Biostatistics 10 (2009) 515-534.
    """
    array = as_array(frames, "frames")
    axis = normalize_axis(channel_axis, array.ndim, "channel_axis")
    if array.ndim != 3 + (axis is not None) or axis == 0:
        raise InputError(f"frames of shape {array.shape}; allowed is (T, H, W), and channels")
    factor = check_real(factor, "factor")
    grey = array if axis is None else array.mean(axis)
    results = follow(grey, max_shift=max_shift, solver=solver, on_step=on_step)
    u = np.stack([0 * results[0].displacement, *(each.displacement for each in results)])
    if modes is not None:
        count = check_count(modes, "modes", most=len(u))
        u = _sparse(u.reshape(len(u), -1), count).reshape(u.shape)
    share = np.ones(u.shape[2:]) if region is None else as_array(region, "region").astype(float)
    if share.shape != u.shape[2:] or not ((share >= 0) & (share <= 1)).all():
        raise InputError(f"region of shape {share.shape}; needed are numbers from 0 to 1, (H, W)")
    of_frame = None if axis is None else axis - 1
    larger = (1 + (factor - 1) * share) * u
    moved = [warp_forward(array[0], each, channel_axis=of_frame) for each in larger]
    whole = np.stack([each.image for each in moved])
    return Magnified(
        whole, u, tuple(each.folds for each in moved), Status.worst([r.status for r in results])
    )


def _sparse(u: np.ndarray, count: int) -> np.ndarray:
    """The sum of ``count`` rank-one matrices whose factors are sparse."""

    def soft(x: np.ndarray) -> np.ndarray:
        x = np.sign(x) * np.maximum(np.abs(x) - _SHARE * np.abs(x).max(), 0)
        return x / (np.linalg.norm(x) or 1.0)

    rest, total = u.astype(np.float64), np.zeros(u.shape)
    for _ in range(count):
        s = rest[:, int((rest**2).sum(0).argmax())]
        for _ in range(_ALTERNATIONS):
            phi = soft(rest.T @ s)
            s = soft(rest @ phi)
        mode = np.outer(s, (s @ rest) * (phi != 0))  # least squares, given s and where phi is not 0
        rest, total = rest - mode, total + mode
    return total
