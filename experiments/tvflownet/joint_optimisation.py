"""Joint space-time optimisation: minimise the paper's loss over ``u`` and ``phi``, no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steepest.core.arrays import prepare_image
from steepest.core.errors import InputError
from steepest.core.numbers import check_count, check_number
from steepest.learning.flows.fields import drop_unused, project

from .networks.losses import weighted_sum
from .networks.paper_network import FLUX_EPS, initial_flux
from .units import CONTRAST

EPS = 1e-10
"""What is added under the root of the total variation, in the paper's units; the paper's is larger,
`.networks.losses.TV_EPS`."""

_ITERATIONS = ((96, 2_000), (256, 14_000))  # up to this side of the image
_ITERATIONS_LARGE = 20_000


@dataclass(frozen=True, eq=False)
class JointResult:
    """The result of the optimisation.

    Attributes
    ----------
    images : array (T, H, W)
        ``u`` at ``times``, in the dtype of the computation.
    flux : array (T, 2, H, W)
        ``phi`` at ``times``, projected to the unit ball; ``div phi`` approximates ``u_t``.
    times : array (T,)
        The times in the solver's units.
    loss : array (iterations,)
        The total loss before each iteration.
    iterations : int
        Number of iterations; fewer than requested if ``on_step`` stopped the optimisation.
    """

    images: np.ndarray
    flux: np.ndarray
    times: np.ndarray
    loss: np.ndarray
    iterations: int


def default_iterations(shape: Sequence[int]) -> int:
    """The paper's number of iterations: 2,000 for a longer side up to 96, 14,000 up to 256, 20,000
    above.
    """
    for side, count in _ITERATIONS:
        if max(shape) <= side:
            return count
    return _ITERATIONS_LARGE


def joint_optimisation(
    image: Any,
    times: Sequence[float] | np.ndarray,
    *,
    num_iter: int | None = None,
    lr: float = 5e-3,
    eps: float = EPS,
    device: str | torch.device = "cpu",
    compiled: bool = False,
    on_step: Callable[[int, dict[str, Tensor]], Any] | None = None,
    **weights: Any,
) -> JointResult:
    """Compute the flow of one image at all times together, by Adam on the loss (12).

    Minimises the terms of `.networks.paper_loss` over the values of ``v = 5 u`` and
    ``phi`` at every pixel and time, starting from ``v = v0`` and ``phi = phi_ini(v0)``. The
    derivative in time is a backward difference, paired with the later flux:
    ``(v_k - v_{k-1}) / (tau_k - tau_{k-1}) = div phi_k``. The subgradient condition also couples
    ``phi_k`` to ``v_k``, so if all terms except the minimal norm vanish, this is the implicit Euler
    scheme. ``phi_0`` appears in no difference, only in the conditions at time 0.

    Parameters
    ----------
    image : array (H, W)
        Greyscale image: float32 or float64 in [0, 1] (computed in this dtype), or uint8 or uint16
        (scaled to [0, 1] and computed in float32).
    times : increasing sequence of at least two floats, the first 0
        Times in the solver's units, grey value times pixel. The paper's times 0, 0.02, ..., 0.98
        are ``0.004 * numpy.arange(50)`` here.
    num_iter : int, optional
        Number of iterations; default: the paper's for the image's size (`default_iterations`).
    lr : float
        Learning rate of Adam.
    eps : float
        Smoothing of the total variation (default 1e-10); the paper's is
        `.networks.losses.TV_EPS`, 1e-4. Every flat pixel adds ``sqrt(eps)`` to a sum
        that the loss squares, so the loss of the exact flow is not 0: with 1e-4 the result is
        worse, and the more pixels, the worse.
    device : str or torch.device
        The device to compute on.
    compiled : bool
        Whether to use ``torch.compile``: about three times faster at 256x256, after up to a minute
        of compilation.
    on_step : callable, optional
        Called as ``on_step(iteration, terms)`` after each iteration, where ``terms`` is the loss
        before it. Returning True stops. Reading values makes a GPU wait.
    alpha1, alpha2, tv_term, penalty : optional
        See `.networks.paper_loss`.

    Returns
    -------
    JointResult

    Raises
    ------
    InputError
        If the image, the times or an option are not valid.

    Notes
    -----
    Source: Grossmann et al., sections 3.1.1 and 4.1. The paper does not say which difference in
    time it uses.
    """
    v0 = _prepare(image, device)
    tau = _check_times(times)
    count = (
        default_iterations(v0.shape[2:]) if num_iter is None else check_count(num_iter, "num_iter")
    )
    step = torch.as_tensor(np.diff(tau), dtype=v0.dtype, device=v0.device).view(-1, 1, 1, 1)
    v = v0.repeat(len(tau), 1, 1, 1).requires_grad_()
    phi = initial_flux(v0, FLUX_EPS).repeat(len(tau), 1, 1, 1).requires_grad_()

    def evaluate(v: Tensor, phi: Tensor) -> dict[str, Tensor]:
        velocity = (v[1:] - v[:-1]) / step
        initial = (v0[0] - v[0]).square().mean()
        return weighted_sum(v, velocity, phi[1:], phi, initial, eps=eps, **weights)

    objective = torch.compile(evaluate) if compiled else evaluate
    fused = v.device.type in ("cpu", "cuda")
    rate = check_number(lr, "lr", positive=True)
    optimiser = torch.optim.Adam([v, phi], rate, fused=fused)
    history = v.new_empty(count)  # one tensor: thousands of small ones would fragment the memory
    done = 0
    for k in range(count):
        optimiser.zero_grad()
        terms = objective(v, phi)
        terms["total"].backward()
        optimiser.step()
        history[k] = terms["total"].detach()
        done = k + 1
        if on_step is not None and on_step(k, terms):
            break
    return JointResult(
        images=(v.detach()[:, 0] / CONTRAST).cpu().numpy(),
        flux=project(drop_unused(phi.detach())).cpu().numpy(),
        times=tau / CONTRAST,
        loss=history[:done].cpu().numpy(),
        iterations=done,
    )


def _prepare(image: Any, device: str | torch.device) -> Tensor:
    """The image as ``v0``, (1, 1, H, W) on the device."""
    array, _ = prepare_image(image)
    if array.ndim != 3 or min(array.shape[1:]) < 2:
        raise InputError(f"image of shape {array.shape[1:]} must be (H, W), at least 2x2 pixels")
    return CONTRAST * torch.as_tensor(array, device=device)[None]


def _check_times(times: Any) -> np.ndarray:
    """The times in the paper's units."""
    try:
        array = np.asarray(times, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"times={times!r} is not a list of numbers") from None
    if array.ndim != 1 or len(array) < 2 or array[0] != 0:
        raise InputError(f"times={times!r} must be a list of at least two numbers, the first 0")
    if not np.all(np.isfinite(array)) or np.any(np.diff(array) <= 0):
        raise InputError(f"times={times!r} must be finite and increase strictly")
    return CONTRAST * array
