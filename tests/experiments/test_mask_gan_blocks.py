"""The paper's networks: sizes, the computations of their blocks, symmetries and bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch.nn.functional import conv2d, elu, interpolate, max_pool2d  # noqa: E402

from experiments.mask_gan import MaskGAN, load, save  # noqa: E402
from experiments.mask_gan.binarisation import BINARISATIONS, binarise  # noqa: E402
from experiments.mask_gan.blocks import CBlock, TCBlock  # noqa: E402
from experiments.mask_gan.critic import Critic  # noqa: E402
from experiments.mask_gan.gan import MODES, frozen  # noqa: E402
from experiments.mask_gan.generator import InpaintingGenerator  # noqa: E402
from experiments.mask_gan.mask_generator import MaskGenerator  # noqa: E402
from experiments.mask_gan.trunk import Hourglass, draw_seed  # noqa: E402


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# ------------------------------------------------------------------------------------- sizes


def test_the_full_generators_have_the_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        generator, mask = InpaintingGenerator(), MaskGenerator()
    assert count(generator) == 11_502_339  # 11.5 million
    assert count(mask) == 11_492_737


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_weights_of_the_trunk_by_hand(quarter: int, before: int, after: int) -> None:
    b = 4 * quarter
    pairs = [(before, b), (b, b), (b, 2 * b), (2 * b, 4 * b), (6 * b, 2 * b), (3 * b, b)]
    pairs += [(2 * b, b), (b, after)]
    expected = sum(25 * one * two + two for one, two in pairs)
    with torch.device("meta"):
        assert count(Hourglass(before, after, b)) == expected


# ------------------------------------------------------------------------------------- blocks


def test_a_cblock_is_three_convolutions_elu_and_pooling() -> None:
    block, x = CBlock(2, 8), random(2, 2, 16, 24)
    parts = []
    for branch, dilation, width in zip(block.dilated.branches, (1, 2, 5), (4, 2, 2), strict=True):
        assert branch.weight.shape == (width, 2, 5, 5)
        parts.append(conv2d(x, branch.weight, branch.bias, padding=2 * dilation, dilation=dilation))
    features = elu(torch.cat(parts, 1))
    pooled, skip = block(x)
    assert torch.allclose(skip, features, atol=1e-6)
    assert torch.allclose(pooled, max_pool2d(features, 2), atol=1e-6)


def test_a_tcblock_is_the_mirrored_convolutions_and_nearest_upsampling() -> None:
    block, x = TCBlock(3, 8), random(1, 3, 9, 7)
    parts = []
    for branch, dilation in zip(block.dilated.branches, (1, 2, 5), strict=True):
        kernel = branch.weight.transpose(0, 1).flip(2, 3)
        parts.append(conv2d(x, kernel, branch.bias, padding=2 * dilation, dilation=dilation))
    features = elu(torch.cat(parts, 1))
    assert torch.allclose(block(x), interpolate(features, scale_factor=2), atol=1e-6)
    block.upsample = False
    assert torch.allclose(block(x), features, atol=1e-6)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_any_size_and_skips_of_the_right_level(height: int, width: int) -> None:
    trunk = Hourglass(1, 2, 4)
    assert trunk(random(1, 1, height, width)).shape == (1, 2, height, width)


# ------------------------------------------------------------------------------------- generator


def test_known_pixels_are_kept_to_the_bit() -> None:
    network = InpaintingGenerator(3, 4)
    images, mask = random(2, 3, 11, 13), (random(2, 1, 11, 13, seed=1) < 0.2).float()
    seed = draw_seed(images)
    result = network(seed, mask, mask * images)
    known = mask.expand_as(images) == 1
    assert torch.equal(result[known], images[known])
    assert 0 <= result.min() <= result.max() <= 1


def test_eq_1_is_a_convex_combination() -> None:
    network = InpaintingGenerator(1, 4)
    images, c = random(1, 1, 8, 8), random(1, 1, 8, 8, seed=1)
    seed = draw_seed(images)
    u = network(seed, c, c * images)
    inside = torch.cat([seed, c, c * images], 1)
    g = (network.trunk(inside) / 6 + 0.5).clamp(0, 1)
    assert torch.allclose(u, (1 - c) * g + c * images, atol=1e-6)


# ------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("method", BINARISATIONS)
def test_the_gradient_goes_straight_through(method: str) -> None:
    x = random(50).requires_grad_()
    weights = random(50, seed=2)
    (binarise(x, method) * weights).sum().backward()
    assert torch.equal(x.grad, weights)


@given(st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_additive_noise_is_one_sided_and_cut(value: float) -> None:
    x = torch.full((5000,), value)
    noisy = binarise(x, "noise", torch.Generator().manual_seed(0))
    assert value - 1e-6 <= noisy.min() <= noisy.max() <= min(1.0, value + 0.5) + 1e-6
    if value <= 0.5:
        assert float(noisy.mean()) == pytest.approx(value + 0.25, abs=0.01)


def test_in_evaluation_nothing_is_added_to_the_confidence() -> None:
    images = random(1, 1, 16, 16)
    seed = draw_seed(images)
    network = MaskGenerator(1, 4, binarisation="noise")
    assert len(network(seed, images).unique()) > 2
    found = network.eval()(seed, images)
    assert torch.equal(found, (network.confidence(seed, images) >= 0.5).float())


# ------------------------------------------------------------------------------------- critic


@pytest.mark.parametrize("size", [(128, 128), (64, 64), (32, 32), (17, 5)])
def test_the_critic_judges_images_of_any_size(size: tuple[int, int]) -> None:
    critic = Critic(3, 4)
    assert critic(random(2, 3, *size), random(2, 1, *size)).shape == (2,)


def test_only_the_direction_of_its_weights_matters() -> None:
    critic, x, c = Critic(1, 4), random(2, 1, 32, 32), random(2, 1, 32, 32, seed=1)
    before = critic(x, c)
    with torch.no_grad():
        for block in critic.blocks:
            block.weight *= 7.5
        critic.last.weight *= 0.01
    assert torch.allclose(critic(x, c), before, rtol=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([8, 16, 33]))
@settings(max_examples=15, deadline=None)
def test_a_layer_of_norm_one_is_three_lipschitz(seed: int, size: int) -> None:
    torch.manual_seed(seed)
    block = Critic(1, 8).blocks[1]
    one, two = (torch.randn(1, 4, size, size) for _ in range(2))
    distance = (block(one) - block(two)).norm()
    assert distance <= 3 * (one - two).norm() * (1 + 1e-5)


# ------------------------------------------------------------------------------------- together


@pytest.mark.parametrize("mode", MODES)
def test_weights_come_back(mode: str, tmp_path) -> None:
    network = MaskGAN(mode, 1, 4, "stochastic")
    save(network, tmp_path / "net", {"note": 1})
    again = load(tmp_path / "net")
    assert again.config() == network.config()
    assert not again.training
    assert {name for name in MODES["joint"] if getattr(again, name) is not None} == set(MODES[mode])
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_frozen_weights_get_no_gradient_but_inputs_do() -> None:
    layer = torch.nn.Linear(2, 1)
    layer.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with frozen(layer):
        y = layer(x)
    y.sum().backward()
    assert torch.equal(x.grad, layer.weight.detach())
    assert layer.weight.grad is None
    assert [p.requires_grad for p in (layer.weight, layer.bias)] == [True, False]
