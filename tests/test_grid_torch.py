"""Grid operators on tensors: equal to NumPy, differentiable, batched, compiled, exported."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import steepest  # noqa: E402
from steepest.grid import coarsening, differences, second_order  # noqa: E402

Shape = tuple[int, ...]
Operator = Callable[..., Any]

BOUNDARIES = ("neumann", "periodic")
SPACING = (0.5, 3.0, 2.0)
ENTRIES = {1: 1, 2: 3, 3: 6}
OPERATORS: dict[str, tuple[Operator, str]] = {
    "gradient": (differences.gradient, "image"),
    "divergence": (differences.divergence, "field"),
    "symmetrised_gradient": (second_order.symmetrised_gradient, "field"),
    "symmetrised_divergence": (second_order.symmetrised_divergence, "tensor"),
    "hessian": (second_order.hessian, "image"),
    "hessian_adjoint": (second_order.hessian_adjoint, "tensor"),
}
all_operators = pytest.mark.parametrize("name", OPERATORS)
both = pytest.mark.parametrize("boundary", BOUNDARIES)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def argument(kind: str, space: Shape, *batch: int, seed: int = 0) -> torch.Tensor:
    """An image, a vector field or a field of symmetric tensors."""
    components = {"image": (), "field": (len(space),), "tensor": (ENTRIES[len(space)],)}[kind]
    return noise(*components, *batch, *space, seed=seed)


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(BOUNDARIES),
    st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
    st.integers(0, 99),
)
def test_like_numpy(name: str, boundary: str, space: Shape, seed: int) -> None:
    operator, kind = OPERATORS[name]
    x = argument(kind, space, 2, seed=seed)
    found = operator(x, SPACING[: len(space)], boundary)
    expected = operator(x.numpy(), SPACING[: len(space)], boundary)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("space", [(5,), (4, 6), (3, 4, 5), (1, 2)])
def test_public_operators_on_batches_of_tensors(space: Shape) -> None:
    u, p = noise(2, 3, *space), noise(len(space), 2, 3, *space, seed=1)
    spacing = (1.0,) * len(space)
    slopes, change = steepest.gradient(u, spacing), steepest.divergence(p, spacing)
    expected = torch.from_numpy(steepest.gradient(u.numpy(), spacing))
    torch.testing.assert_close(slopes, expected, rtol=0, atol=0)
    expected = torch.from_numpy(steepest.divergence(p.numpy(), spacing))
    torch.testing.assert_close(change, expected, rtol=0, atol=1e-14)
    assert abs(float((slopes * p).sum() + (u * change).sum())) < 1e-12
    laplacian = differences.laplacian(u, range(2, u.ndim))
    again = steepest.divergence(slopes, spacing)
    torch.testing.assert_close(again, laplacian, rtol=0, atol=1e-14)


@pytest.mark.parametrize("boundary", differences.BOUNDARIES)
@pytest.mark.parametrize("along", ["forward", "backward", "central", "second"])
def test_one_axis_like_numpy(along: str, boundary: str) -> None:
    operator, u = getattr(differences, f"{along}_difference"), noise(2, 1, 5)
    for axis in range(3):
        found, expected = operator(u, axis, boundary), operator(u.numpy(), axis, boundary)
        torch.testing.assert_close(found, torch.from_numpy(expected), rtol=0, atol=1e-15)


@pytest.mark.parametrize("space", [(8,), (5, 6), (1, 4, 3)])
def test_coarser_grids_like_numpy(space: Shape) -> None:
    u = noise(2, *space)
    coarse = coarsening.average(u)
    torch.testing.assert_close(coarse, torch.from_numpy(coarsening.average(u.numpy())))
    flux = noise(len(space), *coarse.shape)
    expected = torch.from_numpy(coarsening.prolong(flux.numpy(), u.shape))
    torch.testing.assert_close(coarsening.prolong(flux, u.shape), expected)


@both
@all_operators
def test_derivatives_in_both_modes(name: str, boundary: str) -> None:
    operator, kind = OPERATORS[name]
    run = partial(operator, spacing=(0.5, 2.0), boundary=boundary)
    x = argument(kind, (3, 3)).requires_grad_()
    assert torch.autograd.gradcheck(run, x, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda x: run(x).square(), x, check_fwd_over_rev=True, check_rev_over_rev=True
    )


@both
@all_operators
def test_vmap(name: str, boundary: str) -> None:
    operator, kind = OPERATORS[name]
    run = partial(operator, spacing=(0.5, 2.0), boundary=boundary)
    batch = torch.stack([argument(kind, (4, 5), seed=seed) for seed in range(3)])
    expected = torch.stack([run(x) for x in batch])
    torch.testing.assert_close(torch.func.vmap(run)(batch), expected)


@both
@all_operators
def test_half_precision(name: str, boundary: str) -> None:
    operator, kind = OPERATORS[name]
    x = argument(kind, (4, 5)).half()
    found = operator(x, (1.0, 1.0), boundary)
    assert found.dtype == torch.float16
    expected = operator(x.double(), (1.0, 1.0), boundary)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.05)


class Applied(torch.nn.Module):
    """An operator as a module."""

    def __init__(self, operator: Operator, boundary: str) -> None:
        super().__init__()
        self.run = partial(operator, spacing=(0.5, 2.0), boundary=boundary)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(x)


@pytest.mark.parametrize(
    ("name", "boundary"),
    [
        *((name, "neumann") for name in OPERATORS),
        ("hessian", "periodic"),
        ("divergence", "periodic"),
    ],
)
def test_compiled_and_exported_for_any_size(name: str, boundary: str) -> None:
    """Exported graphs work down to two pixels."""
    torch.compiler.reset()  # each of these compiles the same functions again
    operator, kind = OPERATORS[name]
    module, x = Applied(operator, boundary), argument(kind, (7, 8))
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x))
    sizes = {x.ndim - 2 + k: torch.export.Dim(n, min=2, max=512) for k, n in enumerate("hw")}
    program = torch.export.export(module, (x,), dynamic_shapes={"x": sizes})
    for space in ((12, 5), (2, 2)):
        other = argument(kind, space)
        torch.testing.assert_close(program.module()(other), module(other))


@both
@pytest.mark.parametrize("name", ["gradient", "divergence"])
def test_the_gate_lets_derivatives_and_batches_through(name: str, boundary: str) -> None:
    torch.compiler.reset()
    public = partial(getattr(steepest, name), boundary=boundary)
    x = argument(OPERATORS[name][1], (3, 4)).requires_grad_()
    assert torch.autograd.gradcheck(public, x, check_forward_ad=True, check_batched_grad=True)
    torch.testing.assert_close(torch.func.vmap(public)(x[None])[0], public(x))
    compiled = torch.compile(public, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), public(x))
    assert public(x.detach().bfloat16()).dtype == torch.bfloat16
