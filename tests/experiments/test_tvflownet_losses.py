"""The paper's loss, term by term and as a whole."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import steepest  # noqa: E402
from cases.unit_step import LOW, MEET, ROWS, WIDTH, ExactStep, step_image  # noqa: E402
from experiments.tvflownet.networks import LGD, PRESETS, SemiResNet, UNet, losses  # noqa: E402
from experiments.tvflownet.units import CONTRAST  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.fields import (  # noqa: E402
    divergence,
    project,
    total_variation,
)

TIMES = torch.tensor([0.0, 0.1, 0.7, 0.99 * MEET], dtype=torch.float64)
REPORT = PRESETS["report"].objective_options
TERMS = ("residual", "variation", "penalty", "initial", "minimal_norm")
MINIMAL = (LOW / LOW**2 + (ROWS - LOW) / (ROWS - LOW) ** 2) / ROWS  # mean of (div phi)^2


def test_the_exact_step_is_the_engine_s() -> None:
    """The closed form above agrees with the certified solver."""
    image, times = step_image()[0, 0].numpy(), TIMES[1:].numpy()
    u, _ = ExactStep().propose(step_image(), TIMES[1:])
    certified = steepest.tv_flow(image, times, solver=steepest.Solver(tol=1e-12))
    np.testing.assert_allclose(u[:, 0].numpy(), certified.images, rtol=0, atol=1e-6)


def test_zero_for_the_exact_flow() -> None:
    terms = losses.paper_loss(ExactStep(), step_image(), TIMES, **REPORT)
    for name in TERMS[:-1]:
        assert float(terms[name]) == pytest.approx(0, abs=1e-24)
    assert float(terms["total"]) == pytest.approx(0, abs=1e-24)
    assert float(terms["minimal_norm"]) == pytest.approx(MINIMAL, rel=1e-12)


@pytest.mark.parametrize(
    ("network", "noticed"),
    [
        (ExactStep(scale=0.9), {"residual", "variation"}),
        (ExactStep(scale=-1.0), {"residual", "variation"}),
        (ExactStep(scale=1.1), {"residual", "variation", "penalty"}),
        (ExactStep(shift=0.1), {"initial"}),
        (ExactStep(velocity=0.9), {"residual"}),
    ],
)
def test_each_term_notices_its_own(network: ExactStep, noticed: set[str]) -> None:
    terms = losses.paper_loss(network, step_image(), TIMES, **REPORT)
    assert {name for name in TERMS[:-1] if float(terms[name]) > 1e-6} == noticed
    assert float(terms["total"]) > 1e-6


def test_values_in_closed_form() -> None:
    """All fields of the shifted step with too strong a flux, in the paper's units (v = 5 u)."""
    terms = losses.paper_loss(ExactStep(1.2, 0.1), step_image(), TIMES, eps=0)
    steps = CONTRAST * (1 - TIMES.numpy() / MEET)  # height of the step in v
    faces = np.arange(1, ROWS)
    flux = 1.2 * np.minimum(faces / LOW, (ROWS - faces) / (ROWS - LOW))
    expected = {
        "residual": 0.2**2 * MINIMAL,
        "variation": np.mean((WIDTH * steps * (1 - 1.2)) ** 2),
        "penalty": np.sum(np.maximum(flux**2 - 1, 0)) / ROWS,
        "initial": 0.5**2,
        "minimal_norm": 1.2**2 * MINIMAL,
    }
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, rel=1e-10)
    weights = dict.fromkeys(TERMS, 1.0) | {"variation": 1e-4, "minimal_norm": 1e-4}
    total = sum(weights[name] * value for name, value in expected.items())
    assert float(terms["total"]) == pytest.approx(total, rel=1e-10)
    printed = losses.paper_loss(ExactStep(1.2), step_image(), TIMES, penalty="norm")
    assert float(printed["penalty"]) == pytest.approx(np.sum(np.maximum(flux - 1, 0)) / ROWS)


@pytest.mark.parametrize("size", [(4, 5), (8, 10)])
def test_sums_are_means_times_the_squared_number_of_pixels(size: tuple[int, int]) -> None:
    v, phi = random_fields(*size)
    sums, means = (losses.variation_term(v, phi, form=form) for form in ("sum", "mean"))
    torch.testing.assert_close(sums, means * (size[0] * size[1]) ** 2)


def random_fields(height: int, width: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(2, 1, height, width, generator=generator, dtype=torch.float64)
    return v, torch.randn(2, 2, height, width, generator=generator, dtype=torch.float64)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(2, 6))
def test_gap_is_the_paper_s_and_not_negative_in_the_ball(seed: int, rows: int, cols: int) -> None:
    v, phi = random_fields(rows, cols, seed)
    direct = (v * divergence(phi)).sum((1, 2, 3)) + total_variation(v)
    torch.testing.assert_close(losses.subgradient_gap(v, phi), direct, rtol=0, atol=1e-12)
    assert float(losses.subgradient_gap(v, project(phi)).min()) >= -1e-12


@pytest.mark.parametrize("form", ["squared", "norm"])
def test_penalty_sees_the_flux_before_projection(form: str) -> None:
    _, phi = random_fields(4, 5)
    outside = losses.penalty_term(3 * phi, form)
    assert float(outside) > 1
    assert float(losses.penalty_term(project(3 * phi), form)) < 1e-15


@pytest.mark.parametrize("kind", [SemiResNet, UNet, LGD])
def test_penalty_of_a_network_is_of_its_proposal(kind: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    network = kind().double()
    with torch.no_grad():
        list(network.parameters())[-1][1:3] += 6
    u0, t = torch.rand(1, 1, 9, 10).double(), torch.tensor([0.0, 0.1]).double()
    phi = network.propose(u0.expand(2, -1, -1, -1), t)[1]
    expected = losses.penalty_term(phi).detach()
    assert float(expected) > 1
    torch.testing.assert_close(losses.paper_loss(network, u0, t)["penalty"], expected)


def away_from_kinks() -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of length at least 0.3, fluxes of length 0.8 or 1.3."""
    generator = torch.Generator().manual_seed(2)
    noise = 0.1 * torch.rand(2, 1, 4, 5, generator=generator, dtype=torch.float64)
    ramp = torch.arange(4).view(-1, 1) + 0.5 * torch.arange(5)
    angle = torch.rand(2, 1, 4, 5, generator=generator, dtype=torch.float64) * 6
    length = torch.where(noise > 0.05, 0.8, 1.3)
    return noise + ramp, torch.cat([length * angle.cos(), length * angle.sin()], 1)


GRADCHECKED: dict[str, Callable[..., Any]] = {
    "residual": lambda v, phi: losses.residual_term(v, phi),
    "variation": lambda v, phi: losses.variation_term(v, phi),
    "variation unsmoothed": lambda v, phi: losses.variation_term(v, phi, 0.0),
    "variation mean": lambda v, phi: losses.variation_term(v, phi, form="mean"),
    "penalty": lambda v, phi: losses.penalty_term(phi),
    "penalty norm": lambda v, phi: losses.penalty_term(phi, "norm"),
    "initial": lambda v, phi: losses.initial_term(
        torch.ones(2, 1, 4, 5).double(), v, torch.tensor([0.0, 1.0])
    ),
    "minimal norm": lambda v, phi: losses.minimal_norm_term(phi),
    "sum": lambda v, phi: losses.weighted_sum(v, v, phi, phi, v.square().mean())["total"],
}


@pytest.mark.parametrize("name", GRADCHECKED)
def test_gradients_of_each_term(name: str) -> None:
    fields = [x.requires_grad_() for x in away_from_kinks()]
    assert torch.autograd.gradcheck(GRADCHECKED[name], fields)


def test_finite_gradients_on_a_flat_image() -> None:
    v = torch.zeros(1, 1, 4, 5, requires_grad=True)
    phi = torch.zeros(1, 2, 4, 5, requires_grad=True)
    total = losses.weighted_sum(v, v, phi, phi, v.mean(), eps=0.0, penalty="norm")["total"]
    for g in torch.autograd.grad(total, (v, phi)):
        assert bool(torch.isfinite(g).all())


def test_one_image_stands_for_all_times() -> None:
    torch.manual_seed(0)
    network, u0 = SemiResNet(), torch.rand(1, 1, 8, 9)
    t = torch.tensor([0.0, 0.1, 0.2])
    one = losses.paper_loss(network, u0, t)
    many = losses.paper_loss(network, u0.repeat(3, 1, 1, 1), t)
    for name in ("total", *TERMS):
        torch.testing.assert_close(one[name], many[name])
    gradients = torch.autograd.grad(one["total"], list(network.parameters()))
    assert all(bool(torch.isfinite(g).all()) and float(g.abs().max()) > 0 for g in gradients)
    assert [name for name in one if one[name].requires_grad] == ["total"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tv_term": "max"}, "tv_term.*one of sum"),
        ({"penalty": "cube"}, "penalty.*one of squared"),
        ({"alpha1": -1}, "alpha1"),
        ({"alpha2": float("nan")}, "alpha2"),
        ({"eps": -1e-4}, "eps"),
    ],
)
def test_bad_options(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        losses.paper_loss(ExactStep(), step_image(), TIMES, **options)


def test_time_zero_must_be_in_the_batch() -> None:
    with pytest.raises(InputError, match="must contain 0"):
        losses.paper_loss(ExactStep(), step_image(), TIMES[1:])
