"""The mean-flux network: properties that hold for any weights, and its certificate."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import steepest
from steepest.core.errors import InputError

torch = pytest.importorskip("torch")

from steepest.learning import MeanFluxNet, certify  # noqa: E402
from steepest.learning.flows.fields import (  # noqa: E402
    divergence,
    gradient,
    norm,
    project,
)
from steepest.learning.flows.mean_flux_loss import chord_gap, gap_loss  # noqa: E402
from steepest.learning.flows.predict import learned_flow  # noqa: E402

EXACT = {"float32": 1e-5, "float64": 1e-12}


def random_network(
    seed: int = 0, dtype: str = "float64", widths: tuple[int, ...] = (6, 7, 8), stages: int = 2
) -> MeanFluxNet:
    """A small network with random output layers; the stages of an untrained one do nothing."""
    torch.manual_seed(seed)
    network = MeanFluxNet(widths, stages)
    for stage in network.stages:
        torch.nn.init.normal_(stage.leave.weight, std=0.2)
    return network.to(getattr(torch, dtype))


def random_images(shape: tuple[int, ...], dtype: str = "float64", seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64).to(getattr(torch, dtype))


def times(*values: float, dtype: str = "float64") -> torch.Tensor:
    return torch.tensor(values, dtype=getattr(torch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(
    st.integers(1, 21),
    st.integers(1, 21),
    st.floats(0.02, 50),
    st.floats(-3, 3),
    st.integers(0, 5),
)
@settings(max_examples=15, deadline=None)
def test_what_holds_by_construction(dtype, height, width, contrast, shift, seed):
    network, tolerance = random_network(seed, dtype), EXACT[dtype]
    u0, t = random_images((2, 1, height, width), dtype, seed), times(0.01, 0.2, dtype=dtype)
    with torch.no_grad():
        u, flux = network(u0, t), network.mean_flux(u0, t)
        u = u[0]
        assert float(norm(flux).max()) <= 1 + tolerance
        assert torch.allclose(u, network.solve(u0, t), atol=tolerance)
        assert torch.allclose(u, u0 + t.view(-1, 1, 1, 1) * divergence(flux), atol=tolerance)
        assert torch.allclose(u.mean((1, 2, 3)), u0.mean((1, 2, 3)), atol=tolerance)
        scaled = network.solve(contrast * u0, contrast * t) / contrast
        assert float((scaled - u).abs().max()) < 10 * tolerance
        shifted = network.solve(u0 + shift, t) - shift
        assert float((shifted - u).abs().max()) < 100 * tolerance
        assert torch.equal(network.solve(u0, 0 * t), u0)
        assert bool((flux[:, 0, -1] == 0).all())
        assert bool((flux[:, 1, :, -1] == 0).all())


def test_the_flux_is_the_time_derivative():
    network, u0, h = random_network(), random_images((3, 1, 13, 10)), 1e-8
    t = times(0.05, 0.1, 0.2)
    _, flux = network(u0, t)
    central = (network.solve(u0, t + h) - network.solve(u0, t - h)) / (2 * h)
    assert torch.allclose(central, divergence(flux), atol=1e-5)


def test_the_first_flux_is_that_of_the_slopes_alone():
    """Contrast does not matter, also at t = 0 and for huge or tiny values."""
    network, u0 = random_network(), random_images((1, 1, 9, 12))
    with torch.no_grad():
        _, flux = network(u0, times(0.0))
        for contrast in (1e-4, 10.0, 1e14):
            assert torch.allclose(network(contrast * u0, times(0.0))[1], flux, atol=1e-9)
        small = random_network(dtype="float32")
        for contrast in (1e-14, 1e14):
            u, flux = small(contrast * u0.float(), times(0.0, dtype="float32"))
            assert bool(torch.isfinite(u).all() and torch.isfinite(flux).all())


def test_padding_is_not_seen():
    """Beyond the border no stage sees a slope: features there are zero."""
    network, u0 = random_network(), random_images((1, 1, 11, 13))
    seen = []
    for stage in network.stages:
        stage.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.no_grad():
        network.mean_flux(u0, times(0.1))
    for features in seen:
        whole = torch.nn.functional.pixel_shuffle(features, 2)
        assert whole.shape[2:] == (16, 16)
        assert not bool(whole[:, :, 11:].any())
        assert not bool(whole[:, :, :, 13:].any())
        rows = whole[:, [0, 2], 10]  # differences between rows, in the last row
        assert not bool(rows.any())


def test_chord_gap_is_the_certificate_of_a_segment():
    """The mean gap of a chord times twice its length and the pixels is the solver's integral."""
    from steepest.convex.certificate import step_terms
    from steepest.convex.total_variation import TotalVariation

    u0 = random_images((1, 1, 8, 9))
    early, late = (0.1 * (random_images((1, 2, 8, 9), seed=s) - 0.5) for s in (3, 4))
    s, t = times(0.4), times(0.5)
    flux = (t * late - s * early) / (t - s)
    gap, excess = chord_gap(u0, early, late, s, t)
    start, stop = u0 + s * divergence(early), u0 + t * divergence(late)
    terms = step_terms(
        TotalVariation(spacing=(1.0, 1.0)), start[0], stop[0], flux[0][:, None], float(t - s)
    )
    assert float(norm(flux).max()) < 1
    assert float(excess) == 0
    assert 2 * 0.1 * 72 * float(gap) == pytest.approx(terms.integral, rel=1e-9)


class Ramp(torch.nn.Module):
    """A multiple of the exact mean flux of a step between two plateaus of four pixels."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def mean_flux(self, u0, t):
        ramp = torch.tensor([1, 2, 3, 4, 3, 2, 1, 0], dtype=u0.dtype) / 4
        flux = torch.zeros(len(u0), 2, *u0.shape[2:], dtype=u0.dtype)
        flux[:, 1] = self.factor * ramp
        return flux


def test_gap_loss_is_smallest_for_the_flow():
    """The loss is zero for the exact flow of a step, and larger for weaker or stronger fluxes."""
    u0 = torch.zeros(4, 1, 3, 8, dtype=torch.float64)
    u0[..., 4:] = 1
    generator, t = torch.Generator(), times(0.05, 0.1, 0.15, 0.2)
    loss = {
        factor: float(gap_loss(Ramp(factor), u0, t, generator.manual_seed(0))["total"])
        for factor in (0.5, 0.9, 1.0, 1.1, 1.5)
    }
    assert loss[1.0] < 1e-4
    assert loss[1.0] < loss[0.9] < loss[0.5]
    assert loss[1.0] < loss[1.1] < loss[1.5]


@pytest.mark.parametrize("seed", range(6))
def test_certificate_is_never_below_the_error(seed):
    """For trained, random or nonsensical weights, the bound is at least the true error."""
    generator = np.random.default_rng(seed)
    image = generator.random((17, 14))
    if seed % 2:
        image = np.kron(generator.random((5, 4)), np.ones((4, 4)))
    t = float(generator.uniform(0.02, 0.3))
    network = random_network(seed) if seed else MeanFluxNet((6, 7, 8), 1).double()
    u0 = torch.from_numpy(image)[None, None]
    result = certify(network, u0, times(t))
    truth = steepest.tv_flow(image, t, steps=steepest.Accuracy(db=70, data_range=1.0))
    error = float(np.linalg.norm(result.image[0, 0].numpy() - truth.images[0]))
    assert error <= float(result.error_bound) + float(truth.error_bound[0])
    assert float(result.error_bound) > 0


def test_certificate_of_a_network_without_mean_flux():
    """A network with an instantaneous flux is certified by its flux at midpoints."""

    class Explicit(torch.nn.Module):
        def solve(self, u0, t):
            return u0 * 0.99

        def forward(self, u0, t):
            return self.solve(u0, t), project(5 * gradient(u0))

    image = np.random.default_rng(0).random((12, 12))
    result = certify(Explicit(), torch.from_numpy(image)[None, None], times(0.1))
    truth = steepest.tv_flow(image, 0.1, steps=steepest.Accuracy(db=70, data_range=1.0)).images[0]
    error = float(np.linalg.norm(result.image[0, 0].numpy() - truth))
    assert error <= float(result.error_bound)
    assert float(result.distance) > 0


def test_what_is_not_finite_is_never_certified():
    class Broken(torch.nn.Module):
        def mean_flux(self, u0, t):
            return torch.full((len(u0), 2, *u0.shape[2:]), float("nan"), dtype=u0.dtype)

        def forward(self, u0, t):
            return self.solve(u0, t), self.mean_flux(u0, t)

        def solve(self, u0, t):
            return u0 * float("nan")

    image = np.random.default_rng(0).random((8, 8))
    assert (
        float(certify(Broken(), torch.from_numpy(image)[None, None], times(0.1)).error_bound)
        == np.inf
    )
    result = learned_flow(
        image, 0.1, network=Broken(), steps=steepest.Accuracy(db=40, data_range=1.0)
    )
    assert result.iterations > 0
    assert float(result.psnr_bound()[0]) >= 40


def test_arrays_of_another_precision_than_the_network():
    network, image = random_network(dtype="float32"), np.random.default_rng(0).random((9, 11))
    double = learned_flow(image, 0.1, network=network)
    single = learned_flow(image.astype(np.float32), 0.1, network=network)
    assert double.images.dtype == np.float64
    assert np.abs(double.images - single.images).max() < 1e-5
    assert next(network.parameters()).dtype == torch.float32
    with pytest.raises(InputError, match="the network"):
        network(torch.from_numpy(image)[None, None], times(0.1))


def test_time_zero_is_exact():
    network, u0 = random_network(), random_images((2, 1, 8, 8))
    assert certify(network, u0, times(0.0, 0.0)).error_bound.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("u0", "t", "match"),
    [
        (torch.zeros(3, 4, 4), torch.zeros(3), "shape"),
        (torch.zeros(1, 3, 4, 4), torch.zeros(1), "shape"),
        (torch.zeros(2, 1, 4, 4), torch.zeros(1), "one time per image"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.int32), torch.zeros(1), "floating point"),
        (torch.full((1, 1, 4, 4), float("nan")), torch.zeros(1), "finite"),
        (torch.zeros(1, 1, 4, 4), torch.full((1,), -0.1), "negative"),
        (torch.zeros(1, 1, 4, 4), torch.zeros(1, dtype=torch.float64), "the same dtype"),
    ],
)
def test_bad_input(u0, t, match):
    with pytest.raises(InputError, match=match):
        MeanFluxNet((4, 4, 4), 1)(u0, t)


@pytest.mark.parametrize(
    "arguments", [{"channels": (1, 2)}, {"channels": (0, 1, 1)}, {"stages": 0}]
)
def test_bad_sizes(arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        MeanFluxNet(**arguments)


def test_learned_flow_of_arrays():
    network = random_network(dtype="float32")
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (12, 15, 3), dtype=np.uint8)
    result = learned_flow(image, [0.05, 0.1], network=network, channel_axis=-1)
    assert result.images.shape == (2, 12, 15, 3)
    assert result.images.dtype == np.uint8
    assert result.flux.shape == (2, 12, 15, 3)
    alone = learned_flow(image[..., 1], [0.05, 0.1], network=network)
    assert np.array_equal(alone.images, result.images[..., 1])
    truth = steepest.flow(
        image / 255.0,
        [0.05, 0.1],
        steps=steepest.Accuracy(db=60, data_range=1.0),
        channel_axis=-1,
        energy=steepest.TotalVariation(coupled=False),
    )
    exact = learned_flow(image / 255.0, [0.05, 0.1], network=network.double(), channel_axis=-1)
    error = np.sqrt(((exact.images - truth.images) ** 2).sum((1, 2, 3)))
    assert np.all(error <= exact.error_bound + truth.error_bound)
    assert result.status is steepest.Status.LEARNED
    assert result.iterations == 0
    u0 = torch.from_numpy(image[..., 1] / 255.0)[None, None]
    instantaneous = project(network.double()(u0, torch.tensor([0.1]).double())[1])[0]
    feasible = torch.from_numpy(exact.flux[..., 1])
    assert float(feasible.norm(dim=0).max()) <= 1 + 1e-12
    assert float((feasible - instantaneous).norm() / instantaneous.norm()) < 0.05


def test_learned_flow_asks_the_solver_where_the_certificate_misses():
    image = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    network = random_network(dtype="float32")
    result = learned_flow(
        image, 0.1, network=network, steps=steepest.Accuracy(db=45, data_range=1.0)
    )
    assert result.iterations > 0
    assert float(result.psnr_bound()[0]) >= 45
    easy = learned_flow(image, 0.1, network=network, steps=steepest.Accuracy(db=1, data_range=1.0))
    assert easy.iterations == 0


def test_learned_flow_refuses_what_networks_cannot_take():
    network = random_network()
    with pytest.raises(InputError, match="spatial axes"):
        learned_flow(np.zeros(5), 0.1, network=network)
    with pytest.raises(InputError, match="NaN"):
        learned_flow(np.full((4, 4), np.nan), 0.1, network=network)
    with pytest.raises(InputError, match="increase"):
        learned_flow(np.zeros((4, 4)), [0.2, 0.1], network=network)


def test_gradcheck_of_the_network():
    network = MeanFluxNet((2, 2, 2), 1).double()
    torch.nn.init.normal_(network.stages[0].leave.weight, std=0.1)
    u0 = random_images((1, 1, 4, 5)).requires_grad_()
    t = times(0.7).requires_grad_()
    assert torch.autograd.gradcheck(network.solve, (u0, t), atol=1e-5)


def test_one_graph_for_every_size():
    """The network is traced without a break, and a graph works for other sizes."""
    network = random_network(dtype="float32", widths=(4, 5, 6), stages=1)
    compiled = torch.compile(network.solve, fullgraph=True, dynamic=True, backend="eager")
    with torch.no_grad():
        for shape in ((1, 1, 8, 12), (2, 1, 9, 7)):
            u0 = random_images(shape, "float32")
            t = torch.linspace(0.05, 0.2, shape[0])
            assert torch.allclose(compiled(u0, t), network.solve(u0, t), atol=1e-5)


def test_onnx_graph(tmp_path):
    pytest.importorskip("onnxscript")
    reference = pytest.importorskip("onnx.reference")
    from steepest.learning import export_onnx

    network = random_network(dtype="float32", widths=(4, 5, 6), stages=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        path = export_onnx(network, tmp_path / "network.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    graph = reference.ReferenceEvaluator(str(path))
    for shape in ((1, 1, 16, 24), (3, 1, 11, 18)):
        u0, t = random_images(shape, "float32"), torch.linspace(0.05, 0.2, shape[0])
        (found,) = graph.run(None, {"u0": u0.numpy(), "t": t.numpy()})
        assert np.abs(found - network.solve(u0, t).detach().numpy()).max() < 1e-5
    with pytest.raises(InputError, match="mean-flux"):
        export_onnx(torch.nn.Identity(), tmp_path / "other.onnx")


def test_a_learned_flow_cannot_be_continued_and_says_so() -> None:
    from steepest import InputError, learning

    image = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    result = learning.learned_flow(image, [0.05])
    assert result.state is None
    with pytest.raises(InputError, match="state"):
        result.continue_to([0.1])


def test_solve_takes_one_time_for_all_images() -> None:
    network, u0 = random_network(), random_images((3, 1, 24, 24))
    expected = network.solve(u0, torch.full((3,), 0.1, dtype=torch.float64))
    for t in (0.1, np.float64(0.1), torch.tensor(0.1, dtype=torch.float64), np.array(0.1)):
        assert torch.equal(network.solve(u0, t), expected)
    assert torch.equal(network.solve(u0, 0), network.solve(u0, torch.zeros(3).double()))
    time = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    network.solve(u0, time).square().sum().backward()
    assert torch.isfinite(time.grad)
    single = network.float().solve(u0.float(), torch.tensor(0.1, dtype=torch.float64))
    assert single.dtype == torch.float32
    for bad in (-0.1, float("nan"), "soon", [0.1, 0.2, 0.3], torch.full((2,), 0.1).float(), True):
        with pytest.raises(InputError, match=r"^t\b"):
            network.solve(u0.float(), bad)
