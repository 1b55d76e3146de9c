"""Losses against their formulas written out, their limits, and their gradients."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.inverse_layers import IGNORE, LOSSES, make_loss  # noqa: E402
from experiments.inverse_layers.losses import (  # noqa: E402
    cross_entropy,
    generalised_cross_entropy,
    gradient_penalty,
    label_smoothing,
    roughness,
)
from steepest.core.errors import InputError  # noqa: E402

SHAPES = [(2, 3, 7), (2, 3, 5, 6), (1, 4, 3, 4, 5)]


@pytest.fixture(params=SHAPES, ids=str)
def batch(request: pytest.FixtureRequest) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels, some of them ignored."""
    generator = torch.Generator().manual_seed(0)
    shape = request.param
    logits = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = IGNORE
    return logits, labels


def pixelwise(
    batch: tuple[torch.Tensor, torch.Tensor], value: Callable[[np.ndarray, int], float]
) -> float:
    """The mean of ``value(probabilities, label)`` over the pixels, by a loop."""
    logits, labels = (tensor.numpy() for tensor in batch)
    logits = np.moveaxis(logits, 1, -1).reshape(-1, logits.shape[1])
    total, count = 0.0, 0
    for z, y in zip(logits, labels.reshape(-1), strict=True):
        if y != IGNORE:
            p = np.exp(z) / np.exp(z).sum()
            total, count = total + value(p, int(y)), count + 1
    return total / count


def close(loss: torch.Tensor, expected: float) -> None:
    assert loss.shape == ()
    assert math.isclose(float(loss), expected, rel_tol=1e-12)


def test_cross_entropy(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    close(cross_entropy(*batch), pixelwise(batch, lambda p, y: -math.log(p[y])))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing(batch: tuple[torch.Tensor, torch.Tensor], smoothing: float) -> None:
    def value(p: np.ndarray, y: int) -> float:
        target = np.full(len(p), smoothing / len(p))
        target[y] += 1 - smoothing
        return float(-(target * np.log(p)).sum())

    close(label_smoothing(*batch, smoothing=smoothing), pixelwise(batch, value))


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_generalised_cross_entropy(batch: tuple[torch.Tensor, torch.Tensor], q: float) -> None:
    expected = pixelwise(batch, lambda p, y: (1 - p[y] ** q) / q)
    close(generalised_cross_entropy(*batch, q=q), expected)


def test_roughness_is_the_squared_gradient(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    logits = batch[0].numpy()
    total = sum(float((np.diff(logits, axis=a) ** 2).sum()) for a in range(2, logits.ndim))
    num_pixels = logits.size / logits.shape[1]
    close(roughness(batch[0]), total / num_pixels)
    penalised = gradient_penalty(*batch, weight=0.25)
    close(penalised, float(cross_entropy(*batch)) + 0.25 * total / num_pixels)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(3, (2, 3, 4), generator=generator)
    labels[0, 0] = IGNORE
    assert torch.autograd.gradcheck(lambda z: make_loss(name)(z, labels), logits)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_logits_have_finite_gradients(name: str, size: float) -> None:
    logits = torch.zeros(1, 2, 2, 2)
    logits[:, 0] = size
    logits.requires_grad_()
    loss = make_loss(name)(logits, torch.zeros(1, 2, 2, dtype=torch.int64))
    loss.backward()
    assert bool(torch.isfinite(loss))
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(name: str, dtype: torch.dtype) -> None:
    logits = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(2)).to(dtype)
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    loss = make_loss(name)(logits, labels)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, make_loss(name)(logits.float(), labels.long()))


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_do_not_count(name: str) -> None:
    logits = torch.zeros(1, 3, 4, 4, requires_grad=True)
    loss = make_loss(name)(logits, torch.full((1, 4, 4), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert not bool(logits.grad.any())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dice", {}, "allowed are cross-entropy, label-smoothing"),
        ("cross-entropy", {"q": 1}, "has no option q; it has none"),
        ("label-smoothing", {"q": 1}, "has no option q; allowed are smoothing"),
        ("label-smoothing", {"smoothing": 1.5}, "smoothing=1.5"),
        ("generalised-cross-entropy", {"q": 0}, "q=0"),
        ("generalised-cross-entropy", {"q": 2}, "q=2"),
        ("gradient-penalty", {"weight": -1}, "weight=-1"),
        ("gradient-penalty", {"weight": float("nan")}, "weight=nan"),
    ],
)
def test_bad_losses(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_loss(name, **options)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 4, 4), (2, 4, 5)])
def test_bad_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="allowed are"):
        cross_entropy(torch.zeros(2, 3, 4, 4), torch.zeros(shape, dtype=torch.int64))
