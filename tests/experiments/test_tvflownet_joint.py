"""Joint space-time optimisation: results, the paper's start and numbers, bad arguments."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import steepest  # noqa: E402
from cases.unit_step import LOW, ExactStep, step_image  # noqa: E402
from experiments.tvflownet.joint_optimisation import (  # noqa: E402
    default_iterations,
    joint_optimisation,
)
from experiments.tvflownet.networks import losses  # noqa: E402
from experiments.tvflownet.units import CONTRAST  # noqa: E402
from steepest.learning.flows.fields import gradient  # noqa: E402

GRID = 0.02 * np.arange(10)


def texture(side: int = 16) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    noise = np.random.default_rng(0).random((side, side))
    return np.clip(0.25 + 0.5 * (np.hypot(y - 0.5, x - 0.4) < 0.3) + 0.2 * noise, 0, 1)


def test_what_eps_adds_to_the_loss_of_a_flow_that_is_known() -> None:
    """A constant image stays; the loss is then sqrt(eps) of every pixel, summed and squared."""
    image, alpha1 = np.full((20, 30), 0.5), 1e-4

    def loss(**options: float) -> float:
        return float(joint_optimisation(image, GRID, num_iter=1, **options).loss[0])

    expected = alpha1 * losses.TV_EPS * image.size**2
    assert loss(eps=losses.TV_EPS) == pytest.approx(expected, rel=1e-9)
    assert loss() < 1e-5 * expected


def test_joint_optimisation_finds_the_implicit_euler_scheme() -> None:
    """A step moves linearly, so one backward difference is exact whatever its length."""
    image = step_image()[0, 0].numpy()
    times = np.array([0.0, 0.1, 0.4])
    result = joint_optimisation(image, times, num_iter=3000, alpha1=1e-2, alpha2=0.0, eps=0.0)
    expected, _ = ExactStep().propose(step_image(), torch.as_tensor(times))
    np.testing.assert_allclose(result.images, expected[:, 0].numpy(), rtol=0, atol=5e-3)
    for flux in result.flux[1:]:
        velocity = steepest.divergence(flux)
        np.testing.assert_allclose(velocity[:LOW], 1 / LOW, atol=0.03)


def test_joint_optimisation_starts_from_the_paper_s_values() -> None:
    """The first loss is that of u = u0 and phi = phi_ini at all times."""
    image = texture()
    v0 = CONTRAST * torch.as_tensor(image)[None, None]
    g = gradient(v0)
    phi = g / (g.square().sum(1, keepdim=True) + 1e-8).sqrt()
    zero = torch.zeros(())
    terms = losses.weighted_sum(v0, torch.zeros_like(v0), phi, phi, zero)
    first = joint_optimisation(image, GRID, num_iter=1, eps=losses.TV_EPS)
    # the residual is taken at 9 of the 10 times alike: its mean is the same
    assert first.loss[0] == pytest.approx(float(terms["total"]), rel=1e-9)


def test_joint_optimisation_stops_when_asked_and_keeps_the_dtype() -> None:
    seen = []
    image = texture().astype(np.float32)
    result = joint_optimisation(
        image, GRID, num_iter=50, on_step=lambda k, terms: seen.append(terms) or k == 4
    )
    assert result.iterations == len(seen) == len(result.loss) == 5
    assert result.images.dtype == result.flux.dtype == np.float32
    assert float(seen[2]["total"].detach()) == pytest.approx(float(result.loss[2]))


@pytest.mark.parametrize(
    ("side", "count"), [(32, 2000), (96, 2000), (256, 14_000), (512, 20_000), (600, 20_000)]
)
def test_iterations_of_the_paper(side: int, count: int) -> None:
    assert default_iterations((side, side // 2)) == default_iterations((side, side)) == count
