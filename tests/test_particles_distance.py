"""`steepest.particles.energy_distance`."""

import numpy as np
import pytest

from steepest import InputError
from steepest.particles import charges, energy_distance, flow


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


@pytest.mark.parametrize("dimension", [2, 3])
def test_large_sets_are_summed_as_all_pairs_are(
    dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(charges, "_DIRECT", 1e-6)  # as if pairs were slow
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(k, 1, (900 + k, dimension))).requires_grad_() for k in (0, 1))
    total = energy_distance(x, y)
    across, own, other = (torch.cdist(a, b).sum() for a, b in ((x, y), (x, x), (y, y)))
    exact = across / (900 * 901) - own / (2 * 900**2) - other / (2 * 901**2)
    assert total.item() == pytest.approx(exact.item(), rel=1e-9)
    pairs = zip(*(torch.autograd.grad(each, (x, y)) for each in (total, exact)), strict=True)
    for got, wanted in pairs:
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-9 * float(wanted.abs().max()))
    moved = flow(x[:200], y, [0.0, 0.1], num_steps=2)
    monkeypatch.undo()
    wanted = flow(x[:200], y, [0.0, 0.1], num_steps=2)
    np.testing.assert_allclose(moved.points, wanted.points, rtol=0, atol=1e-9)
    np.testing.assert_allclose(moved.discrepancy, wanted.discrepancy, rtol=1e-9)


def test_a_second_derivative_is_refused() -> None:
    torch = pytest.importorskip("torch")
    x = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(energy_distance(x, x + 1), x, create_graph=True)
    with pytest.raises(RuntimeError, match="grad"):
        slope.sum().backward()


@pytest.mark.parametrize(("x", "y"), [([0.0], [[0.0]]), ([], [1.0]), ([np.nan], [1.0]), ([1], [2])])
def test_bad_input(x: list, y: list) -> None:
    with pytest.raises(InputError, match=r"allowed are|both must be|holds NaN"):
        energy_distance(np.array(x), np.array(y))
