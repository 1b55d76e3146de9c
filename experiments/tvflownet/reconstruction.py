"""Reconstruct an image from its spectral transform: ``u0 = int_0^T u_tt t dt + u(T) - u_t(T) T``.

This module has three ways to evaluate the integral (section 4.2.3, Table 7). The paper does not
state its quadrature rule. Its 66.53 dB for the ground truth must be an effect of rounding or of the
ends, because the first rule below is exact for every flow that starts at u0.
"""

from __future__ import annotations

import numpy as np

from steepest.core.errors import InputError


def by_differences(frames: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Second differences of frames (T, H, W) at equal steps h from t = 0; ``(H, W)``.

    Uses the rectangle rule over the inner times, ``sum_k (u_{k+1} - 2 u_k + u_{k-1}) / h^2 * t_k *
    h``, and the backward difference for ``u_t(T)``. By summation by parts the result is identically
    u(0). The comparison therefore measures the distance of a network's ``u(0)`` from u0 (and
    rounding); so do the network's columns in the paper's table.

    Raises
    ------
    InputError
        If there are fewer than two times, the steps are unequal, or the first time is not 0.
    """
    steps = np.diff(times)
    if len(times) < 2 or times[0] != 0 or not np.allclose(steps, steps[0], rtol=1e-9):
        raise InputError("second differences need two or more times at equal steps from 0")
    u = np.asarray(frames, np.float64)
    h = float(steps[0])
    second = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
    integral = np.tensordot(times[1:-1] * h, second, axes=1)
    velocity = (u[-1] - u[-2]) / h
    return integral + u[-1] - velocity * times[-1]


def by_quadrature(
    u: np.ndarray, u_t: np.ndarray, u_tt: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Trapezoidal rule for ``u_tt t`` over 0 and the given positive times; ``(H, W)``.

    The time 0 is not needed, because the integrand is 0 there. The rule is accurate if u_tt is
    smooth between the times.
    """
    nodes = np.concatenate([[0.0], times])
    weights = np.empty(len(times))
    weights[:-1] = (nodes[2:] - nodes[:-2]) / 2
    weights[-1] = (nodes[-1] - nodes[-2]) / 2
    integral = np.tensordot(weights * times, np.asarray(u_tt, np.float64), axes=1)
    return integral + u[-1] - np.asarray(u_t[-1], np.float64) * times[-1]


def by_bands(start: np.ndarray, u: np.ndarray, u_t: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The sum of bands with exact integrals ``[t u_t - u]_a^b`` between times; ``(H, W)``.

    As ``d/dt (t u_t - u) = t u_tt``, one derivative in time gives each band without quadrature. The
    sum of the bands and the residual is ``start``, the method's u(0), up to rounding.
    """
    u64, velocity = np.asarray(u, np.float64), np.asarray(u_t, np.float64)
    edges = np.concatenate([-np.asarray(start, np.float64)[None], 0 * u64])
    edges[1:] = velocity * np.reshape(times, (-1, 1, 1)) - u64
    bands = np.diff(edges, axis=0)
    return bands.sum(0) + u64[-1] - velocity[-1] * times[-1]
