"""Losses between logits and labels, for clean and noisy labels.

All take logits (N, K, *space) and integer labels (N, *space) with values 0 .. K - 1 or `IGNORE`,
and return a scalar: the mean over the pixels that are not ignored (0 if there are none). float16
and bfloat16 logits are converted to float32.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from steepest.core.errors import InputError
from steepest.core.numbers import check_number

from .classes import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of ``-log p_y``, where ``p = softmax(logits)`` and ``y`` is the label."""
    return label_smoothing(logits, labels, smoothing=0.0)


def label_smoothing(logits: Tensor, labels: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy against ``(1 - smoothing) one_hot(y) + smoothing / K``.

    Source: Szegedy et al., Rethinking the Inception architecture (2016), section 7.

    Raises
    ------
    InputError
        If ``smoothing`` is outside [0, 1].
    """
    _check_unit(smoothing, "smoothing")
    logits, labels = _prepare(logits, labels)
    total = functional.cross_entropy(
        logits, labels, ignore_index=IGNORE, label_smoothing=smoothing, reduction="sum"
    )
    return total / _num_counted(labels)


def generalised_cross_entropy(logits: Tensor, labels: Tensor, *, q: float = 0.7) -> Tensor:
    """Mean of ``(1 - p_y^q) / q``: cross-entropy for ``q -> 0``, mean absolute error for ``q = 1``.

    The gradient is that of cross-entropy times ``p_y^q``, so a wrong label has less weight the more
    certain the network is of another class. Source: Zhang and Sabuncu, Generalized cross entropy
    loss for training deep neural networks with noisy labels (2018), Eq. (6).

    Raises
    ------
    InputError
        If ``q`` is outside (0, 1].
    """
    _check_unit(q, "q", positive=True)
    logits, labels = _prepare(logits, labels)
    minus_log = functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    # -expm1(-q x) / q is accurate where p_y is close to 1; ignored pixels have x = 0.
    return (-torch.expm1(-q * minus_log) / q).sum() / _num_counted(labels)


def gradient_penalty(logits: Tensor, labels: Tensor, *, weight: float = 0.1) -> Tensor:
    """Cross-entropy plus ``weight`` times `roughness` of the logits.

    Raises
    ------
    InputError
        If ``weight`` is negative or not finite.
    """
    check_number(weight, "weight")
    return cross_entropy(logits, labels) + weight * roughness(logits)


def roughness(logits: Tensor) -> Tensor:
    """``|grad z|^2``, summed over channels and directions, averaged over pixels and images.

    Uses forward differences with spacing 1, zero across the boundary; (N, K, *space) -> ().
    """
    logits = _at_least_float32(logits)
    squares = [logits.diff(dim=axis).square().sum() for axis in range(2, logits.ndim)]
    num_pixels = logits[:, 0].numel()
    return torch.stack(squares).sum() / num_pixels


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": cross_entropy,
    "label-smoothing": label_smoothing,
    "generalised-cross-entropy": generalised_cross_entropy,
    "gradient-penalty": gradient_penalty,
}
"""Losses by the names that recipes and the command line use."""


def make_loss(name: str, **options: float) -> Loss:
    """The loss of this name as a function ``loss(logits, labels)``, with its options fixed.

    Raises
    ------
    InputError
        If the name or an option is unknown, or the loss refuses a value.
    """
    if name not in LOSSES:
        raise InputError(f"loss={name!r}; allowed are {', '.join(LOSSES)}")
    function = LOSSES[name]
    allowed = list(inspect.signature(function).parameters)[2:]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        has = f"allowed are {', '.join(allowed)}" if allowed else "it has none"
        raise InputError(f"loss={name!r} has no option {', '.join(unknown)}; {has}")

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return function(logits, labels, **options)

    loss(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int64))  # checks the values
    return loss


def _prepare(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    expected = (logits.shape[0], *logits.shape[2:])
    if logits.ndim < 3 or tuple(labels.shape) != expected:
        raise InputError(
            f"labels of shape {tuple(labels.shape)} for logits of shape {tuple(logits.shape)}; "
            "allowed are (N, *space) for (N, K, *space)"
        )
    return _at_least_float32(logits), labels.long()


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _num_counted(labels: Tensor) -> Tensor:
    return (labels != IGNORE).sum().clamp(min=1)


def _check_unit(value: Any, name: str, positive: bool = False) -> None:
    if check_number(value, name, positive=positive) > 1:
        raise InputError(f"{name}={value!r}; allowed are numbers up to 1")
