"""Figures and colours of phases, directions, orientations and tensors."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from steepest import plot
from steepest.core.errors import InputError

CUBIC = Rotation.create_group("O")
GROUPS = {"m-3m": CUBIC, "6/mmm": Rotation.create_group("D6", axis="Z"),
          "-3m": Rotation.create_group("D3", axis="Z"),
          "4/mmm": Rotation.create_group("D4", axis="Z"),
          "mmm": Rotation.create_group("D2", axis="Z")}  # fmt: skip


def taking(direction) -> np.ndarray:
    """A crystal orientation whose ``direction`` is the normal of the sample."""
    unit = np.array(direction, float) / np.linalg.norm(direction)
    return Rotation.align_vectors([[0, 0, 1]], [unit])[0].as_quat()


@pytest.mark.parametrize(
    ("symmetry", "corners"),
    [
        ("m-3m", [(0, 0, 1), (-1, 0, 1), (1, 1, -1)]),
        ("m-3", [(0, 0, 1), (-1, 0, 1), (1, 1, -1)]),
        ("6/mmm", [(0, 0, -1), (0.5, 3**0.5 / 2, 0), (0, 1, 0)]),
        ("4/mmm", [(0, 0, 1), (0, 1, 0), (-1, 1, 0)]),
    ],
)
def test_corners_of_the_triangle_are_red_green_and_blue(symmetry, corners):
    colours = plot.orientation_colours([taking(each) for each in corners], symmetry)
    assert colours == pytest.approx(np.eye(3), abs=1e-6)


@pytest.mark.parametrize("symmetry", GROUPS)
def test_equivalent_orientations_have_one_colour(symmetry):
    rotations = Rotation.random(20, rng=0)
    expected = plot.orientation_colours(rotations.as_quat(), symmetry)
    assert expected.std(0).min() > 0.05
    for element in GROUPS[symmetry]:
        got = plot.orientation_colours((rotations * element).as_quat(), symmetry)
        assert got == pytest.approx(expected, abs=1e-6)
    assert (expected.max(-1) > 0.999).all()


def test_phases_a_turn_apart_have_one_colour_and_hues_are_even():
    phase = np.linspace(-np.pi, np.pi, 721)
    colours = plot.phase_colours(phase)
    assert colours[0] == pytest.approx(colours[-1])
    assert plot.phase_colours(phase + 2 * np.pi) == pytest.approx(colours)
    assert (np.linalg.norm(np.diff(colours, axis=0), axis=-1) > 1e-4).all()
    assert plot.direction_colours(np.stack([np.cos(phase), np.sin(phase)], -1)) == pytest.approx(
        colours
    )


def test_directions_at_the_poles_are_white_and_dark_and_axes_have_no_sign():
    up, down = plot.direction_colours([[0, 0, 2.0], [0, 0, -1]])
    assert up.min() > 0.9
    assert down.max() < 0.2
    axes = np.random.default_rng(0).standard_normal((5, 3))
    assert plot.direction_colours(axes, axial=True) == pytest.approx(
        plot.direction_colours(-axes, axial=True)
    )


def tensors() -> np.ndarray:
    root = np.random.default_rng(0).standard_normal((5, 7, 3, 3))
    return root @ root.swapaxes(-1, -2) + 0.1 * np.eye(3)


def test_one_image_or_several_side_by_side():
    random = np.random.default_rng(0)
    phase, vectors = random.uniform(-3, 3, (6, 9)), random.standard_normal((6, 9, 3))
    quaternions = random.standard_normal((6, 9, 4))
    pictures = [
        (plot.phase_map, phase),
        (plot.direction_map, vectors[..., :2]),
        (plot.direction_map, vectors),
        (plot.orientation_map, quaternions),
        (plot.tensor_glyphs, tensors()),
        (plot.misorientation_map, np.abs(phase)),
    ]
    for draw, image in pictures:
        figure = Figure()
        pair = plot.side_by_side(
            draw, {"before $": image, "after": image}, title="a $b", figure=figure
        )
        assert [axes.get_title("left") for axes in pair] == [r"before \$", "after"]
        keys = [len(axes.child_axes) for axes in pair]
        assert keys == [0, draw is not plot.tensor_glyphs]
        assert plot.figure_png(figure, dpi=40).startswith(b"\x89PNG")
        own = Figure().subplots()
        assert draw(image, ax=own) is own


@pytest.mark.parametrize("images", [{}, np.zeros((2, 3)), {"a": 1.0}, {"a": np.zeros((0, 3))}])
def test_images_that_cannot_stand_side_by_side(images):
    with pytest.raises(InputError, match="images"):
        plot.side_by_side(plot.phase_map, images, figure=Figure())


def test_options_of_each_image():
    known = {"a": np.ones((4, 5), bool), "b": np.zeros((4, 5), bool)}
    images = {"a": np.zeros((4, 5)), "b": np.zeros((4, 5))}
    pair = plot.side_by_side(plot.phase_map, images, known=known, figure=Figure())
    coloured, blank = (np.ptp(axes.images[0].get_array()[0, 0]) for axes in pair)
    assert blank < 0.02 < coloured


def test_unknown_pixels_are_grey():
    known = np.ones((4, 5), bool)
    known[1, 2] = False
    shown = (
        plot.phase_map(np.zeros((4, 5)), known=known, ax=Figure().subplots()).images[0].get_array()
    )
    assert np.ptp(shown[1, 2]) < 0.02 < np.ptp(shown[0, 0])


def test_a_long_tensor_is_a_long_ellipse_along_its_direction():
    image = np.broadcast_to(np.diag([9.0, 1.0, 1.0]), (3, 3, 3, 3))
    glyphs = plot.tensor_glyphs(image, ax=Figure().subplots()).collections[0]
    assert glyphs.get_widths() == pytest.approx(3 * glyphs.get_heights())
    assert glyphs.get_angles() % 180 == pytest.approx(0)
    red = glyphs.get_facecolor()[0]
    assert red[0] > red[1] + 0.3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plot.phase_colours([np.nan]), "finite"),
        (lambda: plot.direction_colours(np.zeros((2, 3))), "zero"),
        (lambda: plot.direction_colours(np.ones((2, 4))), "length 2 or 3"),
        (lambda: plot.orientation_colours(np.zeros((2, 4))), "zero"),
        (lambda: plot.orientation_colours(np.ones((2, 4)), "432"), "symmetry"),
        (lambda: plot.orientation_colours(np.ones((2, 4)), direction=(1, 0)), "direction"),
        (lambda: plot.phase_map(np.zeros((2, 2, 2))), "shape"),
        (lambda: plot.phase_map(np.zeros((2, 2)), known=np.ones((2, 2))), "known"),
        (lambda: plot.tensor_glyphs(-tensors()), "not positive"),
        (lambda: plot.tensor_glyphs(tensors() + np.triu(np.ones((3, 3)), 1)), "symmetric"),
        (lambda: plot.tensor_glyphs(tensors()[0]), "shape"),
        (lambda: plot.misorientation_map(np.full((2, 2), np.inf)), "finite"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
