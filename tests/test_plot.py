"""Plots show what they are given, in the axes that they are given."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from io import BytesIO

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image as Pillow

from steepest import plot
from steepest.core.errors import InputError
from steepest.plot.canvas import number, panel_grid, picture_of


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


EDGES = [0.0, 0.01, 0.1, 1.0]


def make_bands(shape, count=3, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def pixels(axes: Axes | list[Axes]) -> np.ndarray:
    axes = axes if isinstance(axes, Axes) else axes[0]
    return np.array(Pillow.open(BytesIO(plot.figure_png(axes))).convert("RGB"))


def texts(all_axes: list[Axes]) -> str:
    """Captions, and other texts."""
    words = [axes.get_title(loc) for axes in all_axes for loc in ("left", "right")]
    return " | ".join([*words, *(text.get_text() for axes in all_axes for text in axes.texts)])


@pytest.mark.parametrize(
    ("shape", "channel_axis"),
    [((20, 30), None), ((20, 30, 3), -1), ((3, 20, 30), 0), ((5, 20, 30), None), ((40,), None)],
)
def test_montage_has_a_panel_for_everything(shape, channel_axis):
    bands = make_bands(shape)
    axes = plot.band_montage(
        bands, bands[0] + 0.5, EDGES, image=bands[1] + 0.5, channel_axis=channel_axis
    )
    assert len(axes) == 5
    words = texts(axes)
    assert "$t$ > 1" in words
    for name in ("image", "band 1", "band 2", "band 3", "residual"):
        assert name in words
    assert "0.01 \u2013 0.1" in words
    assert pixels(axes).shape[2] == 3


def test_bands_are_shown_around_mid_grey():
    band = np.zeros((20, 20), np.float32)
    band[:10] = 0.3
    axes = plot.band_montage([band], np.zeros((20, 20)), [0.0, 1.0])
    shown = axes[0].images[0]
    assert shown.norm.vmin == pytest.approx(-0.3)
    assert shown.norm.vmax == pytest.approx(0.3)
    grey = shown.to_rgba(np.array([[0.0]]), bytes=True)[0, 0, :3]
    assert abs(int(grey[0]) - 127) <= 1


def test_the_residual_has_the_grey_map_of_the_image():
    image = np.linspace(0, 1, 400).reshape(20, 20)
    axes = plot.band_montage([image * 0], image * 0.1, [0.0, 1.0], image=image)
    first, last = axes[0].images[0], axes[-1].images[0]
    assert (first.norm.vmin, first.norm.vmax) == (last.norm.vmin, last.norm.vmax) == (0, 1)


def test_the_last_band_may_be_open():
    axes = plot.band_montage(make_bands((8, 8)), np.zeros((8, 8)), [0.0, 0.01, 0.1, np.inf])
    assert "band 3   $t$ > 0.1" in texts(axes)
    times = np.geomspace(0.01, 1, 9)
    assert len(plot.spectrum_curve(times, times, [0.0, 0.1, np.inf]).collections) == 2


def test_captions_do_not_touch():
    figure = Figure()
    strip = plot.flow_strip(
        np.zeros((6, 64, 16)), [0.012] * 6, notes=["certified: 41.3 dB"] * 6, figure=figure
    )
    figure.draw_without_rendering()
    for axes, after in pairwise(strip):
        assert axes.get_title("left").endswith("\n")  # the note is in the second line
        note, following = axes._right_title, after._right_title
        assert note.get_window_extent().x1 < following.get_window_extent().x0
    assert strip[0].figure is figure


def test_axes_that_are_given_are_drawn_in():
    axes = Figure().subplots()
    assert plot.spectrum_curve([0.1, 1.0], [1.0, 2.0], ax=axes) is axes
    assert plot.phase_map(np.zeros((4, 5)), ax=axes) is axes


def test_edges_must_fit_the_bands():
    with pytest.raises(InputError, match="4 edges for 2 bands"):
        plot.band_montage(make_bands((8, 8), 2), np.zeros((8, 8)), EDGES)


def test_spectrum_draws_the_curve_and_numbers_the_bands():
    times = np.geomspace(0.001, 1, 40)
    values = np.exp(-(np.log(times / 0.03) ** 2))
    axes = plot.spectrum_curve(times, values, EDGES, title="a title")
    assert axes.get_xscale() == axes.get_yscale() == "log"
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert np.array_equal(curve.get_xdata(), times)
    seen = times * values > axes.get_ylim()[0]
    assert np.allclose(curve.get_ydata()[seen], (times * values)[seen])
    assert texts([axes]).count("band") == 3
    assert len(axes.collections) == 3
    assert pixels(axes).size


@pytest.mark.parametrize(("times", "values"), [([1, 2], [1]), ([0.0, 1.0], [1, 1]), ([], [])])
def test_bad_spectra_are_refused(times, values):
    with pytest.raises(InputError):
        plot.spectrum_curve(times, values)


def test_spectra_of_a_series_are_rows_under_their_bands():
    times, rows = np.geomspace(0.001, 1, 30), np.random.default_rng(0).random((7, 30))
    axes = plot.spectrum_map(times, rows, [0, 0.01, 0.1, np.inf], title="seven")
    assert axes.get_ylim() == (7.5, 0.5)
    shown = np.ma.getdata(axes.collections[0].get_array()).reshape(7, 30)
    assert shown == pytest.approx(rows * times)
    assert [text.get_text() for text in axes.texts] == ["band 1", "band 2", "band 3"]
    assert pixels(axes).std() > 0
    assert pixels(plot.spectrum_map(times, np.zeros((1, 30)))).shape[2] == 3


@pytest.mark.parametrize("rows", [np.zeros(30), np.zeros((0, 30)), np.zeros((2, 29))])
def test_bad_rows_of_spectra_are_refused(rows):
    with pytest.raises(InputError, match="spectra of shape"):
        plot.spectrum_map(np.geomspace(0.001, 1, 30), rows)


def test_strip_shows_every_time_on_one_grey_map():
    images = np.random.default_rng(0).integers(0, 255, (4, 16, 24), dtype=np.uint8)
    strip = plot.flow_strip(images, [0, 0.1, 0.2, 0.4], notes=["", "a", "b", "c"])
    assert len(strip) == 4
    assert "$t$ = 0.4" in texts(strip)
    assert {axes.images[0].norm.vmax for axes in strip} == {255}
    with pytest.raises(InputError, match="4 images and 2 times"):
        plot.flow_strip(images, [0, 1])


def test_volumes_show_their_middle_slice():
    volume = make_bands((8, 9), 5)
    assert np.array_equal(picture_of(volume, None), volume[2])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1, "0.1"), (0.0123, "0.012"), (1.5, "1.5"), (250, "250"), (1e-6, "10^{-6}")],
)
def test_numbers_are_short(value, text):
    assert text in number(value)


def test_panels_fill_their_page():
    for count in range(1, 20):
        rows, columns = panel_grid(count, 1.0)
        assert rows * columns >= count
        assert rows * columns - count < columns
    assert panel_grid(8, 1.5) == (2, 4)


def test_pyplot_is_never_loaded():
    code = "import sys, steepest.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_overlay_shows_contours_and_doubt() -> None:
    image = np.zeros((20, 30))
    labels = np.zeros((20, 30), np.uint8)
    labels[5:12, 8:20] = 2
    certain = np.ones((20, 30), bool)
    certain[:, 25:] = False
    collections = plot.label_overlay(image, labels, certain).collections
    drawn = sum(len(each.get_segments()) for each in collections if hasattr(each, "get_segments"))
    assert drawn == 2 * (7 + 12)  # each edge of the rectangle once
    assert plot.label_overlay(np.stack([image] * 3), np.stack([labels] * 3)).images
    with pytest.raises(InputError, match="labels"):
        plot.label_overlay(image, labels[:5])
    with pytest.raises(InputError, match="certain"):
        plot.label_overlay(image, labels, certain.astype(float))
