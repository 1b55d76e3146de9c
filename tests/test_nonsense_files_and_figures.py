"""Files, figures and compressed images: any argument gives a result or an InputError."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("matplotlib")
pytest.importorskip("constriction")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steepest import compression, io, plot
from steepest.core.errors import InputError

GREY = np.random.default_rng(0).random((8, 9)).astype(np.float32)
BYTES = (255 * GREY).astype(np.uint8)
EDGES = [0.0, 0.1, 1.0]
FAST: dict[str, Any] = {"mask_method": "random", "rng": 0, "tonal": False}
DATA = compression.compress(GREY, 0.3, **FAST)
FIGURE = Figure()
plot.flow_strip([GREY], [0.0], figure=FIGURE)
MASK = GREY > 0.5

NONSENSE = [
    *[None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**400, -(10**400), 2**63, 1j],
    *["nonsense", "", "a\0b", "x" * 5000, "\ud800", "a$^$b", b"bytes", object(), type, len],
    *[[], [1, "a"], [[1, 2], [3]], {}, {"a": 1}, range(3), np.datetime64("NaT")],
    *[np.float16(1), np.bool_(True), np.str_("a"), np.array(1.0), np.array([]), np.array([1.0, 2])],
    *[np.array(["a"]), np.array([1j]), np.array([object()]), np.zeros((0, 3))],
    *[np.zeros((4, 4), complex), np.ones((4, 4), bool), np.zeros((4, 4, 4, 4, 4))],
    *[np.full((4, 4), np.nan), np.full((4, 4), 1e300), np.full((4, 4), 1e-310)],
    np.ma.masked_array([1.0, 2.0], [False, True]),
]
Call = tuple[Callable[..., Any], dict[str, Any]]
READ: dict[str, Any] = {"stack": "auto", "channel_axis": "auto", "max_pixels": 1000}
CALLS: dict[str, Call] = {
    "read_image": (io.read_image, {"path": "a.npy", **READ}),
    "read_image of PNG": (io.read_image, {"path": "a.png", **READ}),
    "read_image of TIFF": (io.read_image, {"path": "a.tif", **READ}),
    "read_labels": (io.read_labels, {"path": "a.png", "max_pixels": 1000}),
    "write_image": (io.write_image, {"path": "b.tif", "image": GREY, "overwrite": True}),
    "write_image to PNG": (io.write_image, {"path": "b.png", "image": BYTES, "overwrite": True}),
    "outputs": (io.write_image, {"path": "c.npy", "image": GREY, "outputs": None}),
    "check_target": (io.check_target, {"path": "b.tif", "image": io.Image(GREY, "YX")}),
    "dtype": (io.check_target, {"path": "b.tif", "image": io.Image(GREY, "YX"), "dtype": "uint8"}),
    "check_writable": (io.check_writable, {"folder": "."}),
    "from_float": (io.from_float, {"array": GREY, "dtype": "uint8"}),
    "from_float to floats": (io.from_float, {"array": GREY, "dtype": "float32"}),
    "image_files": (io.image_files, {"folder": ".", "recursive": True}),
    "base_name": (io.base_name, {"path": "a.png"}),
    "sample": (io.sample, {"name": "camera"}),
    "OutputSet": (io.OutputSet, {"overwrite": False}),
    "Image": (io.Image, {"array": GREY, "axes": "YX", "alpha": None}),
    "band_montage": (
        plot.band_montage,
        {"bands": [GREY, GREY], "residual": GREY, "edges": EDGES, "image": GREY, "title": ""},
    ),
    "channels": (plot.flow_strip, {"images": [GREY], "times": [0.0], "channel_axis": None}),
    "flow_strip": (
        plot.flow_strip,
        {"images": [GREY, GREY], "times": [0.0, 1.0], "title": "", "notes": ["", ""]},
    ),
    "spectrum_curve": (
        plot.spectrum_curve,
        {"times": [0.1, 0.2, 0.4], "spectrum": [1.0, 2.0, 1.0], "edges": EDGES, "title": ""},
    ),
    "figure_png": (plot.figure_png, {"figure": FIGURE, "dpi": 50}),
    "compress": (
        compression.compress,
        {"image": GREY, "density": 0.3, "channel_axis": None, "levels": 9, **FAST},
    ),
    "mask": (compression.pack, {"image": GREY, "mask": MASK, "tonal": False}),
    "max_bytes": (compression.compress, {"image": GREY, "max_bytes": 200, **FAST}),
    "psnr": (compression.compress, {"image": GREY, "psnr": 20, **FAST}),
    "decompress": (compression.decompress, {"data": DATA, "max_pixels": 1000}),
    "read_header": (compression.read_header, {"data": DATA, "max_pixels": 1000}),
    "known_pixels": (compression.known_pixels, {"data": DATA, "max_pixels": 1000}),
}


def result(function: Callable[..., Any], keywords: dict[str, Any], name: str, value: Any) -> Any:
    """What comes out with one value put in; None where an InputError names it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = function(**{**keywords, name: value})
            first = found[0] if isinstance(found, list) and found else found
            return plot.figure_png(first, 30) if isinstance(first, Axes) else found
        except InputError as error:
            said = str(error)
        finally:
            pyplot.close("all")
    known = (keywords.get("path"), value if isinstance(value, str) else None)
    assert name in said or any(word and word in said for word in known)
    return None


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.usefixtures("here")
def test_nonsense_is_named(call: str) -> None:
    Path("folder").mkdir()
    for path, array in (("a.npy", GREY), ("a.png", BYTES), ("a.tif", GREY)):
        io.write_image(path, array)
    function, keywords = CALLS[call]
    function(**keywords)
    for name in keywords:
        for value in NONSENSE:
            result(function, keywords, name, value)


@pytest.mark.usefixtures("here")
def test_tensors_are_taken_as_arrays_or_refused() -> None:
    torch = pytest.importorskip("torch")
    tensors = [
        torch.from_numpy(GREY).requires_grad_(),
        torch.zeros(3, dtype=torch.bfloat16),
        torch.zeros(3, 3, dtype=torch.complex64),
        torch.full((3, 3), torch.nan),
        torch.tensor([0.0, 0.1, 1.0]),
    ]
    for function, keywords in CALLS.values():
        for name in keywords:
            for tensor in tensors:
                result(function, keywords, name, tensor)
    assert compression.compress(torch.from_numpy(GREY), 0.3, **FAST) == DATA
    io.write_image("t.npy", tensors[0])
    assert np.array_equal(np.load("t.npy"), GREY)


@settings(max_examples=8)
@given(st.sampled_from([1e-90, 1e-45, 1.0, 1e38, 1e88]), st.data())
def test_figures_of_any_scale(scale: float, data: Any) -> None:
    """No warning of NumPy or matplotlib, from signals and strips to volumes."""
    shape = data.draw(st.sampled_from([(5, 6), (1, 7), (1, 1), (9,), (1,), (3, 4, 5), (2, 3000)]))
    image = scale * (np.random.default_rng(0).random(shape) + data.draw(st.sampled_from([0, 1e9])))
    times = scale * np.linspace(1, 2, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        montage, *_ = plot.band_montage(
            [image, 0 * image], image, [0, times[1], np.inf], image=image
        )
        strip, _ = plot.flow_strip([image, image], times[:2])
        spectrum = plot.spectrum_curve(times, np.sin(times), times[::2])
        for figure in (montage, strip, spectrum):
            assert plot.figure_png(figure, 30).startswith(b"\x89PNG")
        pyplot.close("all")


def test_names_of_files_are_no_formulas() -> None:
    """Dollar signs, and the bytes of names that are no text, are drawn or replaced."""
    for title in ("a$^$b", "100 $", "photo_\udce4", "a\0b", "$\\frac{$"):
        figure = Figure()
        plot.flow_strip([GREY], [0.0], title=title, notes=[title], figure=figure)
        assert plot.figure_png(figure, 30)


def test_figures_have_a_largest_size() -> None:
    with pytest.raises(InputError, match=r"dpi=1e\+06 makes .* fewer than 65536 a side"):
        plot.figure_png(FIGURE, 1e6)


def test_long_strips_of_pixels_can_be_shown() -> None:
    from steepest.plot.canvas import picture_of

    strip = np.arange(2 * 30000.0).reshape(2, 30000)
    small = picture_of(strip, None)
    assert small.shape == (1, 30000 // 22)
    assert small[0, 0] == pytest.approx(strip[:, :22].mean())


@pytest.mark.parametrize("axes", ["XY", "YXQ", "Y", "YXC", "YY", "CYX"])
def test_axes_of_an_image_fit_its_array(axes: str) -> None:
    with pytest.raises(InputError, match=f"axes='{axes}' of an array of shape"):
        io.Image(GREY, axes)
    with pytest.raises(InputError, match="alpha="):
        io.Image(GREY, "YX", alpha=GREY)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_floats_that_a_type_cannot_hold(value: float) -> None:
    for dtype in ("float32", "uint8"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if dtype == "uint8" and np.isfinite(value):
                assert io.from_float(np.array([value]), dtype) == 255
                continue
            with pytest.raises(InputError, match="array "):
                io.from_float(np.array([value]), dtype)
