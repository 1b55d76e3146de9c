"""Muon: orthogonal steps for convolutions, Adam's for everything else."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import GAP, few_generated_images, here  # noqa: E402, F401
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.training import train  # noqa: E402
from steepest.learning.training.muon import Muon  # noqa: E402

RATE = 1e-2


def step_of(shape, scale=1.0):
    """The first step that Muon takes for a random gradient, and that gradient."""
    generator = torch.Generator().manual_seed(sum(shape))
    weights = torch.nn.Parameter(torch.randn(shape, generator=generator))
    before, gradient = weights.detach().clone(), torch.randn(shape, generator=generator)
    weights.grad = scale * gradient
    Muon([weights], RATE).step()
    return weights.detach() - before, gradient


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (48, 3, 1, 1), (32, 32, 1), (20, 2, 2, 2, 2)])
def test_a_convolution_moves_along_the_singular_vectors_of_its_gradient(shape):
    step, gradient = (each.flatten(1).double() for each in step_of(shape))
    left, values, right = torch.linalg.svd(gradient, full_matrices=False)
    length = RATE * 0.2 * max(step.shape) ** 0.5
    inner = left.mT @ (-step / length) @ right.mT
    found = inner.diagonal()
    assert (inner - torch.diag(found)).abs().max() < 0.02
    strong = values > 0.05 * values.max()
    assert 0.6 < found[strong].min() <= found[strong].max() < 1.3


def test_only_the_direction_of_a_gradient_counts():
    assert torch.allclose(step_of((16, 8, 3, 3))[0], step_of((16, 8, 3, 3), 1e-3)[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(7,), (5, 6), (15, 8, 3, 3)])
def test_other_parameters_move_as_with_adam(shape):
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(shape, generator=generator)
    gradients = torch.randn((3, *shape), generator=generator)
    ends = []
    for kind in (Muon, torch.optim.Adam):
        weights = torch.nn.Parameter(start.clone())
        optimizer = kind([weights], RATE)
        for gradient in gradients:
            weights.grad = gradient.clone()
            optimizer.step()
        ends.append(weights.detach())
    assert torch.equal(*ends)


def test_momentum_turns_a_step_by_degrees():
    """After 40 equal gradients one opposite one does not turn the step around."""
    gradient = torch.randn((16, 16, 3, 3), generator=torch.Generator().manual_seed(2))
    weights = torch.nn.Parameter(torch.zeros_like(gradient))
    optimizer = Muon([weights], RATE)
    for sign in [1.0] * 40 + [-1.0]:
        before = weights.detach().clone()
        weights.grad = sign * gradient
        optimizer.step()
    assert ((weights.detach() - before) * gradient).sum() < 0


def test_resumed_bit_for_bit():
    config = GAP.replace(optimizer="muon", network_config={"channels": [16, 16, 16], "stages": 1})
    whole = train(config, "whole", device="cpu")
    train(config, "parts", device="cpu", on_step=lambda moment: moment.step == 5)
    train(config, "parts", device="cpu")
    assert Path("parts/weights.safetensors").read_bytes() == whole.path.read_bytes()


def test_the_optimizer_has_a_name():
    with pytest.raises(InputError, match=r"^optimizer='sgd'"):
        GAP.replace(optimizer="sgd")
