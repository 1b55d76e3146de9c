"""Eqs. (1) to (4); every network is updated by its own loss alone."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases import dense_diffusion  # noqa: E402
from experiments.mask_gan import MaskGAN, MaskTrainingConfig, diffusion  # noqa: E402
from experiments.mask_gan.gan import evaluate  # noqa: E402
from experiments.mask_gan.losses import (  # noqa: E402
    critic_loss,
    density_loss,
    generator_loss,
    mask_loss,
    mean_absolute_error,
)
from experiments.mask_gan.ranking import count_known, keep_highest, random_masks  # noqa: E402
from experiments.mask_gan.terms import TERMS  # noqa: E402
from experiments.mask_gan.trunk import draw_seed  # noqa: E402

CONFIG = MaskTrainingConfig(
    channels=1, base_channels=4, crop=16, density=0.2, alpha=0.3, beta=0.7
).replace(batch=2)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).double()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------- formulas


def test_eq_3_by_hand() -> None:
    u, f = torch.full((2, 3, 4, 4), 0.25), torch.zeros(2, 3, 4, 4)
    f[1] = 1.0
    assert mean_absolute_error(u, f).tolist() == [0.25, 0.75]
    value = generator_loss(torch.tensor([2.0, 4.0]), u, f, alpha=0.1)
    assert float(value) == pytest.approx(0.5 - 0.1 * 3)


def test_eq_4_is_a_mean_of_absolute_values_not_of_densities() -> None:
    """A mask that is too dense does not compensate for one that is too sparse."""
    mask = torch.zeros(2, 1, 2, 2)
    mask[0] = 1.0
    assert density_loss(mask, 0.5).tolist() == [0.5, 0.5]
    f = torch.zeros(2, 1, 2, 2)
    assert float(mask_loss(mask, f + 0.1, f, 0.5, beta=2.0)) == pytest.approx(0.5 + 0.2)


@pytest.mark.parametrize("which", ["critic", "generator", "mask"])
def test_gradients_of_the_losses(which: str) -> None:
    u, f, c, d = (random(2, 1, 3, 3, seed=i) for i in range(4))
    d = d[:, 0, 0, 0]
    functions = {
        "critic": lambda d, e: critic_loss(d, e),
        "generator": lambda d, u: generator_loss(d, u, f, 0.3),
        "mask": lambda c, u: mask_loss(c, u, f, 0.2, 0.7),
    }
    inputs = {"critic": (d, d + 1), "generator": (d, u), "mask": (c, u)}[which]
    inputs = tuple(x.clone().requires_grad_() for x in inputs)
    assert torch.autograd.gradcheck(functions[which], inputs)


# ------------------------------------------------------------------------------------- ranking


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.001, 1), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_ranking_keeps_the_highest(height: int, width: int, density: float, seed: int) -> None:
    scores = random(3, 1, height, width, seed=seed)
    mask = keep_highest(scores, density)
    count = count_known(density, height * width)
    assert mask.flatten(1).sum(1).tolist() == [count] * 3
    for s, m in zip(scores, mask, strict=True):
        assert count == height * width or s[m == 1].min() >= s[m == 0].max()


def test_random_masks_are_exact_and_uniform() -> None:
    like = torch.zeros(2000, 3, 4, 5)
    masks = random_masks(like, 0.3, generator())
    assert masks.shape == (2000, 1, 4, 5)
    assert set(masks.flatten(1).sum(1).tolist()) == {6.0}
    assert np.abs(masks.mean(0).numpy() - 0.3).max() < 0.05


# ------------------------------------------------------------------------------------- diffusion


@pytest.fixture
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "solver", lambda: dense_diffusion.inpaint)


def test_what_the_gradient_of_the_confidence_means(dense: None) -> None:
    """At a mask: minus the adjoint state times u - f if unknown, times the Laplacian if known."""
    f, weights = random(1, 1, 5, 6), random(1, 1, 5, 6, seed=1)
    mask = keep_highest(random(1, 1, 5, 6, seed=2), 0.3).requires_grad_()
    u = diffusion.diffuse(f, mask)
    (u * weights).sum().backward()
    known = mask.detach().flatten()
    minus = dense_diffusion.minus_laplacian(5, 6)
    system = torch.diag(known) + (1 - known)[:, None] * minus
    adjoint = torch.linalg.solve(system.T, weights.flatten())
    u_flat = u.detach().flatten()
    expected = -adjoint * (u_flat - f.flatten() - minus @ u_flat)
    assert torch.allclose(mask.grad.flatten(), expected, atol=1e-9)
    assert torch.allclose((u_flat - f.flatten())[known == 1], torch.zeros(1).double(), atol=1e-12)


def test_nothing_known_is_the_mean(dense: None) -> None:
    f = random(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    mask[1, 0, 2, 2] = 1
    u = diffusion.diffuse(f, mask.requires_grad_())
    assert torch.allclose(u[0], f[0].mean((1, 2), keepdim=True).expand(3, 4, 4))
    assert torch.allclose(u[1], f[1, :, 2:3, 2:3].expand(3, 4, 4))  # one known pixel: constant
    small = diffusion.diffuse(f[:1], torch.full((1, 1, 4, 4), 1e-9).double())
    assert torch.allclose(small, u[:1], atol=1e-6)


def test_the_solver_of_the_library_is_the_dense_one() -> None:
    """Values and gradients at masks and between, on which training with exact diffusion relies."""
    f = random(1, 2, 6, 7)
    weights = random(1, 2, 6, 7, seed=1)
    for c in (keep_highest(random(1, 1, 6, 7, seed=2), 0.2), random(1, 1, 6, 7, seed=3)):
        found = []
        for solve in (diffusion.solver(), dense_diffusion.inpaint):
            leaves = (f.clone().requires_grad_(), c.clone().requires_grad_())
            u = solve(leaves[0][0], leaves[1][0, 0], channel_axis=0).image
            (u * weights[0]).sum().backward()
            found.append((u.detach(), *(leaf.grad for leaf in leaves)))
        for mine, exact in zip(*found, strict=True):
            assert torch.allclose(mine, exact, atol=1e-3 * float(exact.abs().max()))


# ------------------------------------------------------------------------------------- one step


def gradients(network: torch.nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {n: torch.zeros(()) if g is None else g for n, g in zip(names, found, strict=True)}


def step(mode: str, **settings: Any) -> tuple[MaskGAN, torch.Tensor, dict[str, torch.Tensor]]:
    torch.manual_seed(1)
    gan = MaskGAN(mode, 1, 4).double()
    config = CONFIG.replace(mode=mode, **settings)
    images = random(2, 1, 16, 16, seed=5)
    return gan, images, TERMS[mode](gan, images, config, generator())


def test_every_network_has_the_gradient_of_its_own_loss() -> None:
    """Compared with plain Eqs. (2), (3), (4), each differentiated for its own network."""
    gan, images, terms = step("joint")
    random_state = generator()
    mask = gan.mask(draw_seed(images, random_state), images, random_state)
    seed = draw_seed(images, random_state)
    u = gan.generator(seed, mask, mask * images)
    d = gan.critic(u, mask)
    error = (u - images).abs().mean()
    eq2 = (d - gan.critic(images, mask)).mean()
    eq3 = -0.3 * d.mean() + error
    eq4 = (mask.flatten(1).mean(1) - 0.2).abs().mean() + 0.7 * error
    values = {"critic": eq2, "generator": eq3, "mask": eq4}
    found = gradients(gan, terms["total"])
    for name, value in values.items():
        assert torch.allclose(terms[name], value, rtol=1e-9)
        own = gradients(getattr(gan, name), value)
        for key, expected in own.items():
            assert torch.allclose(found[f"{name}.{key}"], expected, atol=1e-12), key
        # biases of the critic may cancel in Eq. (2), weights do not
        assert all(float(g.abs().max()) > 0 for key, g in own.items() if key.endswith("weight"))
    assert torch.allclose(terms["total"], eq2 + eq3 + eq4)
    assert torch.allclose(terms["error"], error)


def test_random_masks_train_generator_and_critic() -> None:
    gan, images, terms = step("inpainting")
    random_state = generator()
    mask = random_masks(images, 0.2, random_state)
    u = gan.generator(draw_seed(images, random_state), mask, mask * images)
    expected = gradients(
        gan.generator, (u - images).abs().mean() - 0.3 * gan.critic(u, mask).mean()
    )
    found = gradients(gan, terms["total"])
    for key, value in expected.items():
        assert torch.allclose(found[f"generator.{key}"], value, atol=1e-12)
    assert set(terms) == {"total", "critic", "generator", "error"}


def test_masks_learn_from_exact_diffusion(dense: None) -> None:
    gan, images, terms = step("diffusion")
    assert math.isfinite(terms["total"].item())
    random_state = generator()
    mask = gan.mask(draw_seed(images, random_state), images, random_state)
    u = diffusion.diffuse(images, mask)
    found, expected = (
        gradients(gan, value) for value in (terms["total"], mask_loss(mask, u, images, 0.2, 0.7))
    )
    assert all(torch.allclose(found[key], value) for key, value in expected.items())
    assert float(found["mask.trunk.last.weight"].abs().max()) > 0


def test_in_bfloat16_known_pixels_stay_exact() -> None:
    gan = MaskGAN("joint", 1, 4)
    config = CONFIG.replace(precision="bfloat16")
    images = random(1, 1, 16, 16).float()
    mask = random_masks(images, 0.2, generator())
    seed = draw_seed(images, generator())
    found, exact = (
        evaluate(gan.generator, precision, seed, mask, mask * images)
        for precision in ("bfloat16", "float32")
    )
    assert torch.equal(found[mask == 1], images[mask == 1])
    difference = float((found - exact).detach().abs().max())
    assert 0 < difference < 0.05
    terms = TERMS["joint"](gan, images, config, generator())
    assert all(value.dtype == torch.float32 for value in terms.values())
