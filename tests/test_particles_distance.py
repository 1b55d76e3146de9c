"""`steepest.particles.energy_distance`."""

from __future__ import annotations

import numpy as np
import pytest

from steepest import InputError
from steepest.particles import energy_distance, flow


def test_on_a_line_it_is_the_distance_of_distribution_functions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(30), rng.random(20)
    assert energy_distance(x, y) == pytest.approx(flow(x, y, 0).discrepancy[0], rel=1e-12)
    assert energy_distance(x, x[::-1]) == pytest.approx(0, abs=1e-15)
    # two atoms at distance 5
    assert energy_distance(np.array([[0.0, 0]]), np.array([[3.0, 4]])) == 5


def test_gradient_of_tensors_and_ties() -> None:
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(n, 3, generator=generator, dtype=torch.float64) for n in (6, 5))
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: energy_distance(x, y), (x,))
    tied = torch.zeros(4, 2, requires_grad=True)
    energy_distance(tied, tied.detach()).backward()
    assert (tied.grad == 0).all()


@pytest.mark.parametrize(("x", "y"), [([0.0], [[0.0]]), ([], [1.0]), ([np.nan], [1.0]), ([1], [2])])
def test_bad_input(x: list, y: list) -> None:
    with pytest.raises(InputError, match=r"allowed are|both must be|holds NaN"):
        energy_distance(np.array(x), np.array(y))
