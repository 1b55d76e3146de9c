"""Solvers for tensors on an accelerator: array code, torch.compile and the Triton kernel.

Without an accelerator they run on the CPU, the kernel in Triton's interpreter.
"""

import os
import subprocess
import sys
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

import steepest
from cases import Problem, distances, random_problems
from cases.arguments import arguments
from steepest.convex import registry
from steepest.convex.reference import ReferenceDual
from steepest.convex.solve import RELAXATION, Momentum
from steepest.convex.total_variation import TotalVariation, norm_of
from steepest.core.namespace import is_torch
from steepest.flows import problem as problems
from steepest.flows import together as batches
from steepest.flows.problem import make_problem

torch = pytest.importorskip("torch")

from steepest.convex.tensors import choice, dual  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PROBLEMS = random_problems()
SHAPES = [(1, 1, 7), (1, 3, 65), (3, 4, 3)]  # one row; more than a block; channels
ENERGIES: dict[str, dict[str, Any]] = {
    "isotropic": {},
    "anisotropic": {"norm": "anisotropic"},
    "Huber": {"huber": 0.1},
}


def fused() -> Any:
    """The solver with the kernel; skips the test without Triton."""
    pytest.importorskip("triton")
    from steepest.convex.tensors.fused import FusedDual

    return FusedDual


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).random(shape)


def image(*shape: int, dtype: Any = torch.float32, seed: int = 0) -> Any:
    return torch.tensor(2 * values(*shape, seed=seed), dtype=dtype, device=DEVICE)


@pytest.fixture(autouse=True)
def tensors_stay_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those on the CPU, which are solved as arrays otherwise."""
    monkeypatch.setattr(problems, "in_main_memory", lambda array: False)


def prepared(problem: Problem, dtype: str) -> tuple[Any, Any]:
    """The first part and its energy."""
    options = dict(problem.options)
    axis, spacing = options.pop("channel_axis", None), options.pop("spacing", None)
    energy = TotalVariation(norm=norm_of(options.pop("isotropic", True)), **options)
    array = torch.from_numpy(problem.image.astype(dtype)).to(DEVICE)
    made = make_problem(array, energy, channel_axis=axis, spacing=spacing)
    return made.parts[0], made.energy


def work(solver: Any) -> list[Any]:
    """All that a march does with a solver; the terms on the way, image and flux."""
    solver.set_step(0.3, RELAXATION)
    solver.iterate(Momentum().factors(11)[0])
    seen = [solver.measure()]
    solver.advance()
    solver.set_step(0.1)
    solver.iterate([0.3, 0.2])
    state = solver.warm
    solver.restart()
    solver.iterate([0.5])
    solver.shrink_flux(0.8)
    solver.iterate([0.3, 0.4, 0.1])
    seen.append(solver.measure())
    solver.warm = state
    solver.iterate([0.7])
    seen.append(solver.measure())
    solver.set_flux(state[0])
    solver.iterate([0.0, 0.1])
    seen.append(solver.measure())
    return [seen, solver.image, solver.flux]


def assert_same_work(one: Any, two: Any, close: float) -> None:
    (terms, *arrays), (other_terms, *other_arrays) = work(one), work(two)
    for ours, theirs in zip(arrays, other_arrays, strict=True):
        np.testing.assert_allclose(ours.cpu(), theirs.cpu(), atol=close)
    for ours, theirs in zip(terms, other_terms, strict=True):
        np.testing.assert_allclose(astuple(ours), astuple(theirs), rtol=30 * close, atol=30 * close)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_array_code_measures_as_the_reference(problem: Problem, dtype: str) -> None:
    f, energy = prepared(problem, dtype)
    assert_same_work(dual.TensorDual(f, energy), ReferenceDual(f, energy), 1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ENERGIES)
def test_kernel_agrees_with_the_reference(shape: tuple[int, ...], name: str) -> None:
    f = image(*shape)
    energy = TotalVariation(**ENERGIES[name]).on(f, (1.0, 2.0))
    assert_same_work(fused()(f, energy), ReferenceDual(f, energy), 2e-6)


@pytest.mark.parametrize("name", ENERGIES)
def test_kernel_takes_weights_and_double_precision(name: str) -> None:
    f = (
        image(2, 6, 1, dtype=torch.float64)
        if name == "Huber"
        else image(2, 5, 7, dtype=torch.float64)
    )
    weights = values(*f.shape[1:]) * (values(*f.shape[1:], seed=1) > 0.3)
    energy = TotalVariation(weights=weights, **ENERGIES[name]).on(f, (0.5, 1.0))
    assert_same_work(fused()(f, energy), ReferenceDual(f, energy), 1e-13)


def test_kernel_leaves_what_it_gave_and_was_given() -> None:
    f = image(1, 4, 5)
    solver = fused()(f, TotalVariation().on(f, (1.0, 1.0)))
    solver.iterate([0.3])
    solver.measure()
    given = (f, solver.flux, *solver.warm, solver.image)
    copies = [array.clone() for array in given]
    solver.advance()
    solver.iterate([0.5, 0.5])
    solver.measure()
    solver.shrink_flux(0.5)
    assert all(torch.equal(*pair) for pair in zip(given, copies, strict=True))


@pytest.mark.skipif(DEVICE != "cpu", reason="real graphs are tested with -m cuda")
def test_recorded_iterations_are_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for graphs: as them, it works on the arrays that it was recorded with."""
    replayed = []

    class Graph:
        def __init__(self, solver: Any, count: int) -> None:
            self.solver, self.count = solver, count
            self.arrays = (solver.f, solver.p, solver.y)

        def replay(self) -> None:
            replayed.append(self.count)
            self.solver._launch(self.count)
            now = (self.solver.f, self.solver.p, self.solver.y)
            assert all(one is two for one, two in zip(self.arrays, now, strict=True))

    kind, f = fused(), image(1, 5, 4)
    monkeypatch.setattr(kind, "_recorded", lambda solver, count: Graph(solver, count))
    energy = TotalVariation(huber=0.1).on(f, (1.0, 2.0))
    solver, other = kind(f, energy), ReferenceDual(f, energy)
    solver._records = True
    assert_same_work(solver, other, 2e-6)
    for each in (solver, other):
        each.iterate(Momentum().factors(47)[0])
    np.testing.assert_allclose(solver.flux.cpu(), other.flux.cpu(), atol=2e-6)
    assert set(replayed) == {2, 4, 8, 32}
    assert set(solver._graphs) == set(replayed)


@pytest.mark.parametrize("with_kernel", [False, True])
def test_images_together_are_the_images_alone(with_kernel: bool) -> None:
    kind = fused() if with_kernel else dual.TensorDual
    images = [image(2, 5, 6, seed=k) * scale for k, scale in enumerate((1.0, 0.1, 0.5))]
    weights = values(5, 6)
    energy = TotalVariation(weights=weights).on(images[0], (1.0, 1.0))
    joint = torch.stack(images, 1).flatten(0, 1)
    batch = kind(joint, dual.Together(energy, (0.0, 0.0, 0.0)))
    alone = [ReferenceDual(f, energy) for f in images]
    (_, *arrays), others = work(batch), [work(solver) for solver in alone]
    for b, (terms, u, p) in enumerate(others):
        ours = (arrays[0].unflatten(0, (2, 3))[:, b], arrays[1].unflatten(1, (2, 3))[:, :, b])
        np.testing.assert_allclose(ours[0].cpu(), u.cpu(), atol=2e-6)
        np.testing.assert_allclose(ours[1].cpu(), p.cpu(), atol=2e-6)
        np.testing.assert_allclose(astuple(batch.items[b]), astuple(terms[-1]), atol=1e-4)


def test_the_worst_image_decides_and_flat_ones_do_not() -> None:
    f = image(1, 4, 4)
    solver = ReferenceDual(f, TotalVariation().on(f, (1.0, 1.0)))
    solver.set_step(0.1)
    solver.iterate([0.0])
    good, bad = solver.measure(), None
    solver.set_flux(solver.p * 0)
    bad = solver.measure()
    joint = dual.joint_terms([good, bad, good], (0.0, 0.0, 0.0), 0.0)
    assert joint.gap / joint.primal == pytest.approx(bad.gap / bad.primal)
    hidden = dual.joint_terms([good, bad], (0.0, bad.gap * 1e9), 0.0)
    assert hidden.gap / hidden.primal == pytest.approx(good.gap / good.primal)
    resolved = dual.joint_terms([good, bad], (good.gap * 1e9, 0.0), bad.gap)
    assert resolved.gap <= 2 * bad.gap


# --- whole flows -------------------------------------------------------------------------------


@pytest.fixture(params=["arrays", "kernel"])
def accelerator(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Treat the CPU as an accelerator."""
    for module in (registry, batches):
        monkeypatch.setattr(
            module, "on_accelerator", lambda f, energy: is_torch(f) and hasattr(energy, "prox")
        )
    if request.param == "kernel":
        kind = fused()
        monkeypatch.setattr(choice, "tensor_dual", kind)
    return request.param


def test_batch_flows_are_certified_flows(accelerator: str) -> None:
    images = np.stack([values(4, 5), 0.3 * values(4, 5, seed=1)])
    options: dict[str, Any] = {
        "steps": 2,
        "batch_axis": 0,
        "solver": steepest.Solver(tol=1e-2),
    }
    batch = steepest.tv_flow(torch.tensor(images, device=DEVICE), [0, 0.01, 0.02], **options)
    assert batch.images.shape == (3, *images.shape)
    assert batch.converged
    assert np.all(batch.gap <= 1e-2)
    further = batch.continue_to(0.03, steps=1)
    assert np.all(further.error_bound >= batch.error_bound[-1])
    for b, single in enumerate(images):
        fine = steepest.tv_flow(
            single, [0, 0.01, 0.02, 0.03], steps=200, solver=steepest.Solver(tol=1e-6)
        )
        ours = torch.cat([batch.images[:, b], further.images[:, b]]).cpu().numpy()
        bounds = np.concatenate([batch.error_bound[:, b], further.error_bound[:, b]])
        assert np.all(distances(fine.images, ours) <= bounds + fine.error_bound)
        alone = steepest.tv_flow(single, [0, 0.01, 0.02], steps=2, solver=steepest.Solver(tol=1e-2))
        assert np.all(batch.error_bound[:, b] <= 1.2 * alone.error_bound)


def test_separate_channels_and_float32(accelerator: str) -> None:
    array = values(6, 5, 2).astype("float32")
    options: dict[str, Any] = arguments(channel_axis=-1, coupled=False, steps=3)
    one = steepest.flow(array, [0.05, 0.1], **options)
    two = steepest.flow(torch.from_numpy(array).to(DEVICE), [0.05, 0.1], **options)
    assert two.images.dtype == torch.float32
    difference = distances(one.images, two.images.cpu().numpy())
    assert np.all(difference <= one.error_bound + two.error_bound)
    assert two.flux.shape == one.flux.shape


def test_long_steps_go_on_in_double_precision(accelerator: str) -> None:
    array = 100 * values(2, 5, 6).astype("float32")
    two = steepest.tv_flow(
        torch.from_numpy(array).to(DEVICE),
        [1e4],
        batch_axis=0,
        steps=1,
        solver=steepest.Solver(max_num_iter=12),
    )
    assert two.images.dtype == torch.float32
    assert two.state.parts[0].image.dtype == torch.float64
    mean = array.mean((1, 2), dtype="float64")
    error = np.sqrt(((two.images[0].cpu().numpy() - mean[:, None, None]) ** 2).sum((1, 2)))
    assert np.all(error <= two.error_bound[0])


def test_a_batch_reports_every_image_and_stops(accelerator: str) -> None:
    seen: list[Any] = []

    def on_step(step: Any) -> bool:
        seen.append((step.step, step.num_steps, step.image.clone(), step.error_bound))
        return step.step == 4

    images = image(2, 4, 5)
    result = steepest.tv_flow(
        images, 0.1, steps=steepest.TimeGrid.uniform(5), batch_axis=0, on_step=on_step
    )
    assert [(step, total) for step, total, *_ in seen] == [(k, 10) for k in (1, 2, 3, 4)]
    assert not result.converged
    np.testing.assert_allclose(result.times, [0.04])
    for b in range(2):
        assert torch.equal(result.images[0, b], seen[2 + b][2])
        assert result.error_bound[0, b] == seen[2 + b][3]


def test_gradients_of_a_batch(accelerator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = image(2, 3, 4, dtype=torch.float64)
    exact: dict[str, Any] = {
        "batch_axis": 0,
        "steps": 2,
        "solver": steepest.Solver(tol=1e-5),
    }

    def gradient() -> Any:
        leaf = f.clone().requires_grad_()
        steepest.tv_flow(leaf, 0.1, **exact).images.square().sum().backward()
        return leaf.grad.cpu()

    ours = gradient()
    monkeypatch.undo()
    np.testing.assert_allclose(ours, gradient(), atol=1e-2)


# --- torch.compile -----------------------------------------------------------------------------


def test_compiled_array_code_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """In volumes, with weights that change from one image to the next."""
    fusion = dual.Fusion(worth=0)
    monkeypatch.setattr(dual, "_fusion", fusion)
    for seed in range(2):
        f = image(1, 3, 5, 4, seed=seed)
        energy = TotalVariation(weights=values(3, 5, 4, seed=seed)).on(f, (1.0, 2.0, 1.0))
        assert_same_work(dual.TensorDual(f, energy), ReferenceDual(f, energy), 2e-6)
    if fusion._failed:
        pytest.skip("torch.compile does not work here")
    assert len(fusion._compiled) == 1


def test_without_a_compiler_the_array_code_runs(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def broken(*args: Any, **options: Any) -> Any:
        calls.append(args)
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.setattr(dual, "_fusion", dual.Fusion(worth=0))
    f = image(1, 5, 4)
    energy = TotalVariation().on(f, (1.0, 1.0))
    assert_same_work(dual.TensorDual(f, energy), ReferenceDual(f, energy), 1e-12)
    assert len(calls) == 1
    assert capfd.readouterr() == ("", "")


# --- the choice --------------------------------------------------------------------------------


def test_the_kernel_is_checked_before_its_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = fused()
    device = torch.device(DEVICE)
    choice.kernel_works.cache_clear()
    assert choice.kernel_works(device, torch.float32)
    assert choice.kernel_works(device, torch.float64)
    for attribute, replacement in (
        ("_launch", lambda self, count: None),  # wrong
        ("_run", lambda self, count: 1 / 0),  # not possible
    ):
        choice.kernel_works.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(kind, attribute, replacement)
            assert not choice.kernel_works(device, torch.float32)
    choice.kernel_works.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(choice, "find_spec", lambda name: None)
        assert not choice.kernel_works(device, torch.float32)
    choice.kernel_works.cache_clear()


def test_arrays_need_neither_torch_nor_triton() -> None:
    program = (
        "import sys, numpy, steepest; steepest.tv_flow(numpy.eye(4)[None], 0.1, batch_axis=0);"
        "sys.exit('torch' in sys.modules or 'triton' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


def test_the_kernel_compiles_for_real_devices() -> None:
    """To machine code, for NVIDIA's Ampere and Hopper and AMD's CDNA 3; needs no device."""
    pytest.importorskip("triton")
    program = """
from triton import compile
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from steepest.convex.tensors.kernel import iterate
targets = [GPUTarget("cuda", 80, 32), GPUTarget("cuda", 90, 32), GPUTarget("hip", "gfx942", 64)]
for real, channels, isotropic, weighted in [("fp32", 1, True, False), ("fp64", 3, False, True)]:
    padded, rows = (1, 8) if channels == 1 else (4, 2)
    fixed = dict(channels=channels, padded=padded, rows=rows, columns=64,
                 isotropic=isotropic, weighted=weighted)
    kinds = dict.fromkeys(iterate.arg_names, "i32") | dict.fromkeys(fixed, "constexpr")
    kinds |= dict.fromkeys(["f", "p", "y", "out", "weights", "numbers"], "*" + real)
    for target in targets:
        code = compile(ASTSource(iterate, kinds, constexprs=fixed), target=target).asm
        assert len(code["cubin" if target.backend == "cuda" else "hsaco"]) > 1000
"""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=300)


def test_devices_without_double_precision_are_refused() -> None:
    class OnMps(torch.Tensor):
        device = torch.device("mps")

    with pytest.raises(steepest.InputError, match=r"image is on the device mps.*image\.cpu\(\)"):
        steepest.tv_flow(torch.rand(4, 4).as_subclass(OnMps), 0.1)


@pytest.mark.cuda
def test_cuda_uses_the_kernel_and_graphs() -> None:
    f = torch.rand(3, 70, 130, device="cuda")
    energy = TotalVariation().on(f, (1.0, 1.0))
    assert choice.kernel_works(f.device, f.dtype)
    solver = choice.tensor_dual(f, energy)
    assert type(solver) is fused()
    other = ReferenceDual(f, energy)
    for count in (7, 8, 40, 7, 8):  # launched, recorded, replayed
        for each in (solver, other):
            each.set_step(0.05, RELAXATION)
            each.iterate(Momentum().factors(count)[0])
            each.measure()
            each.advance()
        np.testing.assert_allclose(solver.flux.cpu(), other.flux.cpu(), atol=1e-4)
    assert solver._graphs


@pytest.mark.cuda
@pytest.mark.parametrize("shape", [(256, 256), (3, 64, 100)])
def test_cuda_flows_are_the_flows_of_the_cpu(shape: tuple[int, ...]) -> None:
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(1))
    options: dict[str, Any] = {"batch_axis": 0, "channel_axis": 1 if len(shape) == 3 else None}
    one, two = (steepest.tv_flow(x, [0.05, 0.2], **options) for x in (images, images.cuda()))
    assert two.images.device.type == "cuda"
    assert two.converged
    difference = (one.images - two.images.cpu()).flatten(2).norm(dim=2).numpy()
    assert np.all(difference <= one.error_bound + two.error_bound)
    np.testing.assert_allclose(one.error_bound, two.error_bound, rtol=0.05)
