"""Inverse layers in half precision, under autocast, compiled and exported."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402

from cases.layer_flows import NEW, new_layers  # noqa: E402
from steepest.layers import (  # noqa: E402
    InverseEvolution,
    InverseHeat,
    TotalVariationFlow,
    attach,
    set_scale,
)

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "heat": lambda: InverseHeat(20, 0.1),
    "heat, zero": lambda: InverseHeat(5, 0.1, "zero"),
    "heat, periodic": lambda: InverseHeat(5, 0.1, "periodic"),
    "total variation": lambda: InverseEvolution(TotalVariationFlow(), 2, 0.1),
    **{name: lambda name=name: new_layers()[name] for name in NEW},
}
COMPILED = ["heat", "heat, zero", "total variation"]


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    """Compilations in one test must not count against torch's limit in the next."""
    yield
    torch._dynamo.reset()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", LAYERS)
def test_half_precision_is_computed_in_single(name: str, dtype: torch.dtype) -> None:
    """The dtype is the input's; under autocast, which mixes dtypes anyway, float32."""
    layer, u = LAYERS[name](), noise(2, 2, 7, 8).to(dtype)
    expected = layer(u.float())
    with torch.autocast("cpu", torch.bfloat16):
        inside, wide = layer(u), layer(u.float())
    result = layer(u)
    assert result.dtype == dtype
    assert torch.equal(result, expected.to(dtype))
    assert inside.dtype == wide.dtype == torch.float32
    assert torch.equal(inside, expected)
    assert torch.equal(wide, expected)


def test_autocast_does_not_overflow_half_precision() -> None:
    """A checkerboard of height 2000 grows 100 times, beyond 65504, the largest float16."""
    index = torch.arange(8)
    u = (2000.0 * (-1.0) ** (index[:, None] + index))[None, None].half()
    layer = InverseHeat(20, 0.1, "periodic")
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer(u), 100 * u.float())
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert compiled(u).dtype == torch.float32
    assert compiled(u).dtype == torch.float16


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    layer, u = LAYERS[name](), noise(2, 2, 7, 8)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    inputs = [u.clone().requires_grad_() for _ in range(2)]
    outputs = [f(x) for f, x in zip((layer, compiled), inputs, strict=True)]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)


@pytest.mark.parametrize("name", COMPILED)
def test_exported_for_any_size(name: str) -> None:
    names = {0: "n", 2: "h", 3: "w"}
    sizes = {axis: torch.export.Dim(n, min=2, max=512) for axis, n in names.items()}
    layer = LAYERS[name]().eval()
    program = torch.export.export(layer, (noise(2, 2, 7, 8),), dynamic_shapes={"u": sizes})
    for shape in ((3, 2, 12, 5), (2, 2, 2, 2)):
        u = noise(*shape)
        torch.testing.assert_close(program.module()(u), layer(u))


def test_schedule_needs_no_new_compilation() -> None:
    """A compiled wrapped network has one graph for all strengths and equals the uncompiled one."""
    network = nn.Conv2d(1, 2, 3)
    attach(network, InverseHeat(5, 0.1))
    counter = CompileCounterWithBackend("aot_eager")
    compiled, u = torch.compile(network, backend=counter, fullgraph=True), noise(2, 1, 8, 9)
    for scale in (0.0, 0.3, 1.0):
        set_scale(compiled, scale)
        torch.testing.assert_close(compiled(u), network(u))
    assert counter.frame_count == 1
    compiled.eval()
    torch.testing.assert_close(compiled(u), network.eval()(u))


def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    layer = InverseHeat(20, 0.1).eval()
    sizes = {axis: torch.export.Dim(n, min=2, max=512) for axis, n in {2: "h", 3: "w"}.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            layer,
            (noise(1, 2, 7, 8),),
            dynamo=True,
            dynamic_shapes={"u": sizes},
            input_names=["u"],
            verbose=False,
        )
    program.save(str(tmp_path / "layer.onnx"))
    session = runtime.InferenceSession(tmp_path / "layer.onnx", providers=["CPUExecutionProvider"])
    u = noise(1, 2, 12, 5)
    (result,) = session.run(None, {"u": u.numpy()})
    torch.testing.assert_close(torch.from_numpy(result), layer(u), rtol=1e-5, atol=1e-4)
