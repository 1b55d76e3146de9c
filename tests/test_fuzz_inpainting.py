"""Strange arguments of inpainting, masks, compression and layers: a finite result or a named error.

Every call has good arguments but for one or two that are drawn from what people (and files) give
by mistake. Allowed are a finite result, and an `InputError` that names an argument; no warning but
a layer's `StabilityWarning` where its values overflow.
"""

import inspect
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.layer_flows import NEW
from steepest import inpainting
from steepest.core.errors import InputError
from steepest.inpainting import masks

RNG = np.random.default_rng(0)
PLANE, VOLUME, COLOUR = RNG.random((7, 8)), RNG.random((3, 4, 5)), RNG.random((6, 7, 3))
KNOWN = RNG.random(PLANE.shape) < 0.3
SIZES = [1e300, 1e-300, 5e-324, 1e150, 1e-150, 1e140, 1e-140, 1e38, 1e-45, 1e-30, 1e12, 1e-12]

NUMBERS = st.sampled_from(
    [
        *(0, -1, 1, 2, 3, 40, 10**400, -(10**400), 2**62),
        *(0.0, -0.0, 0.5, 1.5, -2.5, np.nan, np.inf, -np.inf, *SIZES),
        *(True, False, None, 1j, "", "abc", b"x", [], {}, (), [0.5], [1, 2], ["a"], range(3)),
        *(np.float32(0.5), np.float64(1e-320), np.int8(3), np.bool_(True), Fraction(1, 2)),
        *(np.array(0.3), np.array([1.0, 2.0]), np.ma.masked, np.ma.array(3.0, mask=True)),
        *(np.datetime64("2020-01-01"), np.longdouble("1e400"), object(), lambda step: True),
    ]
)


@st.composite
def images(draw: st.DrawFn) -> Any:
    """Of any size, shape and type."""
    image = draw(st.sampled_from([PLANE, VOLUME, COLOUR, PLANE[0], PLANE[:1], PLANE[:1, :1]]))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return image * draw(st.sampled_from(SIZES))
    if kind == 1:
        types = ["f2", "f4", "g", "u1", "u2", "i8", "?", "c8", "c16", "O", "U3", "M8[s]", ">f8"]
        return (image * 3).astype("i8").astype(draw(st.sampled_from(types)))
    if kind == 2:
        return np.where(image < 0.3, draw(st.sampled_from([np.nan, np.inf, -np.inf])), image)
    if kind == 3:
        return image * 10.0 ** RNG.integers(-300, 300, image.shape)
    if kind == 4:
        return np.ma.array(image, mask=image < 0.3)
    if kind == 5:
        return draw(st.sampled_from([image.tolist(), [[1.0, 2.0], [3.0]], image[..., None, None]]))
    if kind == 6:
        return draw(
            st.sampled_from([image[:0], image[..., ::-1], np.float64(1), np.zeros((2,) * 5)])
        )
    return draw(NUMBERS) if kind == 7 else image + (kind - 8) * 1e6


@st.composite
def known_pixels(draw: st.DrawFn) -> Any:
    """Masks, confidences, and what may be taken for them."""
    types = ["f8", "f2", "g", "i8", "u1", "c16", "O", "U3", "M8[s]"]
    mask = KNOWN.astype("i8").astype(draw(st.sampled_from(types)))
    rest = [KNOWN[:3], KNOWN & False, KNOWN | True, np.ma.array(KNOWN, mask=KNOWN), KNOWN.tolist()]
    soft = [PLANE, PLANE**300, PLANE * 1e-300, 1 - 1e-16 * PLANE, 2 * PLANE, PLANE * np.nan]
    return draw(st.one_of(st.sampled_from([mask, *rest, *soft]), images()))


def named(function: Callable[..., Any], error: InputError, *more: str) -> None:
    """The message holds the name of an argument."""
    words = set(re.findall(r"\w+", str(error)))
    assert words & {*inspect.signature(function).parameters, *more}, str(error)


def finite(result: Any) -> bool:
    """All numbers of a result."""
    names = ("image", "residual", "mae", "mse", "psnr_", "density")
    parts = [getattr(result, name) for name in names if hasattr(result, name)] or [result]
    return all(bool(np.isfinite(np.asarray(part)).all()) for part in parts)


def mostly_good(draw: st.DrawFn, function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of a function, one or two of them strange."""
    good = {"image": PLANE, "known": KNOWN, "mask": KNOWN, "density": 0.3}
    names = list(inspect.signature(function).parameters)
    arguments = {name: value for name, value in good.items() if name in names}
    if "method" in names:
        arguments["method"] = getattr(inpainting, draw(st.sampled_from(KINDS)))()
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)):
        strange = {"image": images(), "values": images(), "known": known_pixels()}
        arguments[name] = draw(strange.get("known" if name == "mask" else name, NUMBERS))
    return arguments


KINDS = list(inpainting.METHODS.values())
FUNCTIONS = [
    *(getattr(inpainting, name) for name in inpainting.__all__ if name.islower()),
    *(getattr(masks, name) for name in masks.__all__),
]
FUNCTIONS = [function for function in FUNCTIONS if inspect.isfunction(function)]


@st.composite
def calls(draw: st.DrawFn) -> tuple[Callable[..., Any], dict[str, Any]]:
    function = draw(st.sampled_from(FUNCTIONS))
    return function, mostly_good(draw, function)


@settings(max_examples=400)
@given(calls())
def test_inpainting_and_masks(call: tuple[Callable[..., Any], dict[str, Any]]) -> None:
    function, arguments = call
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "image of shape .* is taken for")
        try:
            assert finite(function(**arguments))
        except InputError as error:
            named(function, error)


@st.composite
def packs(draw: st.DrawFn) -> dict[str, Any]:
    from steepest.compression import pack

    arguments = mostly_good(draw, pack)
    arguments["mask_method"] = draw(st.sampled_from(["echo", "regular", "laplacian_dither"]))
    return {"image": PLANE, "density": 0.3, **arguments}


@settings(max_examples=60)
@given(st.data())
def test_compression(data: st.DataObject) -> None:
    pytest.importorskip("constriction")
    from steepest.compression import decompress, pack

    arguments = data.draw(packs())
    if arguments["mask"] is KNOWN:
        arguments |= {"density": None} if arguments["density"] == 0.3 else {"mask": None}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "image of shape .* is taken for")
        try:
            packed = pack(**arguments)
        except InputError as error:
            return named(pack, error)
        assert np.isfinite(packed.image.astype(float)).all()
        assert np.array_equal(decompress(packed.data), packed.image)


LAYERS = {
    **{name: {} for name in NEW},
    "InverseHeat": {"max_gain": [None, 1.0, 1e30], "boundary": ["zero"]},
    "TotalVariationFlow": {"eps": [1e-15, 1e12, 1e-3], "max_gain": [None]},
    "CurvatureFlow": {"eps": [1e-15, 1e12, 1e-3], "boundary": ["periodic"]},
    "AllenCahnFlow": {"eps": [0.1, 1e6], "diffusion": [0, 1e12], "max_gain": [None]},
    "PorousMediumFlow": {"exponent": [1, 1.5, 100], "max_gain": [None]},
    "AdvectionDiffusionReactionFlow": {"velocity": [(0, -3), (1e12, 0)], "scheme": ["central"]},
}


@settings(max_examples=30)
@given(st.data())
def test_layers(data: st.DataObject) -> None:
    """Where a finite input becomes infinite, the first call in training mode warns."""
    torch = pytest.importorskip("torch")
    from experiments.inverse_layers import evolutions
    from steepest import layers

    kind = data.draw(st.sampled_from(list(LAYERS)))
    flow = getattr(layers if hasattr(layers, kind) else evolutions, kind)
    own = list(inspect.signature(flow).parameters)
    names = [*own, "steps", "dt", "max_gain", "spatial_ndim"]

    def make(options: dict[str, Any]) -> Any:
        if kind == "InverseHeat":
            return flow(**options)
        of_flow = {name: value for name, value in options.items() if name in own}
        others = {name: value for name, value in options.items() if name not in own}
        return layers.InverseEvolution(flow(**of_flow), **others)

    arguments = {"steps": data.draw(st.integers(1, 4)), "dt": 10 ** data.draw(st.floats(-9, 2))}
    if "velocity" in LAYERS[kind]:
        arguments["velocity"] = (1.0, 2.0)
    for name, values in LAYERS[kind].items():
        if data.draw(st.booleans()):
            arguments[name] = data.draw(st.sampled_from(values))
    if data.draw(st.booleans()):
        strange = data.draw(st.sampled_from([n for n in names if n != "reaction"]))
        arguments[strange] = data.draw(NUMBERS)
    size = data.draw(st.sampled_from([0.0, 1e-30, 1e-3, 1.0, 30.0, 1e4, 1e20, 3e38]))
    types = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
    u = size * torch.randn(1, 1, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    u = u.to(data.draw(st.sampled_from(types)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", r".*torch\.jit", DeprecationWarning)
        try:
            if isinstance(arguments["steps"], int) and 9 < arguments["steps"] <= 10**6:
                arguments["steps"] = 3  # to be quick
            result = make(arguments)(u)
        except InputError as error:
            return named(make, error, "u", *names)
    assert {warning.category for warning in told} <= {layers.StabilityWarning}
    if bool(torch.isfinite(u).all()) and not bool(torch.isfinite(result).all()):
        assert "become infinite or NaN" in str(told[0].message)


@settings(max_examples=150)
@given(NUMBERS, NUMBERS)
def test_functions_on_layers(one: Any, other: Any) -> None:
    torch = pytest.importorskip("torch")
    from steepest import layers

    heat, u = layers.InverseHeat(2, 0.1), torch.ones(1, 1, 4, 4)
    calls = [
        lambda: layers.linear_ramp(one, other, 3.0),
        lambda: layers.linear_ramp(other, 0.0, one),
        lambda: layers.set_scale(heat, one),
        lambda: layers.set_scale(one, 0.5),
        lambda: layers.check_gain(heat, one, other),
        lambda: layers.check_gain(one),
        lambda: layers.attach(one, heat),
        lambda: layers.attach(heat, one),
        lambda: layers.attach(heat, one),
        lambda: layers.attach(one, heat),
        lambda: layers.estimate_gain(heat, one),
        lambda: layers.estimate_gain(one if not callable(one) else 3, u),
    ]
    names = {
        "layer",
        "u",
        "module",
        "network",
        "name",
        "example",
        "limit",
        "scale",
        "dt",
    }
    for call in calls:
        try:
            call()
        except InputError as error:
            named(layers.linear_ramp, error, *names)
