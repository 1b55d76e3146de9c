"""Inpainting beyond homogeneous diffusion: what holds for every operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

import steepest
from steepest import inpainting
from steepest.core.errors import InputError, NotConverged
from steepest.core.status import Status

NAMES = (
    "biharmonic", "edge_enhancing", "curvature_driven", "mumford_shah", "infinity_harmonic",
    "total_variation",
)  # fmt: skip
PLANAR = ("edge_enhancing", "curvature_driven")
BOUNDED = ("curvature_driven", "mumford_shah", "infinity_harmonic", "total_variation")
TIGHT = {"biharmonic": 1e-10, "infinity_harmonic": 1e-9, "total_variation": 1e-4}
SYMMETRIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda a: a.swapaxes(0, 1),
    "flipped": lambda a: a[::-1],
    "rotated": lambda a: np.rot90(a, axes=(0, 1)),
}


def photograph(height: int = 20, width: int = 17, channels: int = 3) -> np.ndarray:
    """Smooth blobs and an edge, (height, width, channels) in [0, 1]."""
    rng = np.random.default_rng(5)
    smooth = gaussian_filter(rng.normal(size=(height, width, channels)), (2, 2, 0)) * 2
    smooth[height // 3 :, width // 2 :] += 0.4
    return np.clip(0.4 + smooth, 0, 1)


def mask(space: tuple[int, ...] = (20, 17), density: float = 0.2, seed: int = 0) -> np.ndarray:
    known = np.random.default_rng(seed).random(space) < density
    known.flat[0] = True
    return known


def solved(name: str, image: Any, known: Any, **options: Any) -> Any:
    """To a tight tolerance, which must be met."""
    options = {"tol": TIGHT.get(name, 1e-7), "max_num_iter": 5000, **options}
    result = getattr(inpainting, name)(image, known, **options)
    assert result.converged, result.status
    assert result.residual <= options["tol"]
    return result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_known_pixels_are_kept_bit_for_bit(name: str, dtype: str) -> None:
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    image = (photograph() * scale).astype(dtype)
    known = mask()
    result = getattr(inpainting, name)(image, known, channel_axis=-1)
    assert result.image.dtype == image.dtype
    assert result.image.shape == image.shape
    assert (result.image[known] == image[known]).all()
    assert result.converged
    assert result.status is Status.CONVERGED


@pytest.mark.parametrize("name", NAMES)
def test_nan_marks_the_unknown_and_unknown_values_do_not_matter(name: str) -> None:
    image, known = photograph(), mask()
    wanted = getattr(inpainting, name)(image, known, channel_axis=-1).image
    holes = np.where(known[..., None], image, np.nan)
    assert (getattr(inpainting, name)(holes, channel_axis=-1).image == wanted).all()
    other = np.where(known[..., None], image, -77.0)
    assert (getattr(inpainting, name)(other, known, channel_axis=-1).image == wanted).all()


@pytest.mark.parametrize("name", NAMES)
def test_constants_stay_and_a_full_mask_changes_nothing(name: str) -> None:
    function = getattr(inpainting, name)
    constant = function(np.full((12, 9), 0.3), mask((12, 9)))
    assert np.allclose(constant.image, 0.3, rtol=1e-12, atol=0)
    assert constant.residual == 0
    image = photograph()
    full = function(image, np.ones((20, 17), bool), channel_axis=-1)
    assert (full.image == image).all()
    assert full.converged
    assert full.iterations == 0


@pytest.mark.parametrize("name", NAMES)
def test_commutes_with_brightness_and_contrast(name: str) -> None:
    image, known = photograph(), mask()
    plain = solved(name, image, known, channel_axis=-1).image
    changed = solved(name, 40 - 1000 * image, known, channel_axis=-1).image
    # Total variation has no unique minimiser, but steps that do not depend on the scale.
    assert np.abs((40 - changed) / 1000 - plain).max() < 1e-6


@pytest.mark.parametrize("name", [n for n in NAMES if n != "total_variation"])
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_commutes_with_symmetries_of_the_square(name: str, symmetry: str) -> None:
    turn = SYMMETRIES[symmetry]
    image, known = photograph(), mask()
    plain = solved(name, image, known, channel_axis=-1).image
    turned = solved(name, turn(image), turn(known), channel_axis=-1).image
    assert np.abs(turned - turn(plain)).max() < 2e-5


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0.01, 0.6))
@pytest.mark.parametrize("name", BOUNDED)
def test_maximum_principle(name: str, seed: int, density: float) -> None:
    image, known = photograph(15, 14), mask((15, 14), density, seed)
    filled = getattr(inpainting, name)(image, known, channel_axis=-1, tol=1e-3).image
    low, high = image[known].min(0), image[known].max(0)
    allowed = 1e-12 if name == "total_variation" else 1e-2 * float((high - low).max())
    assert (filled >= low - allowed).all()
    assert (filled <= high + allowed).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PLANAR])
def test_slices_of_a_volume_that_does_not_vary(name: str) -> None:
    """A volume that is the same along one axis, mask included, is filled slice by slice."""
    image, known = photograph(10, 9, 1)[..., 0], mask((10, 9), 0.3)
    # In a volume, neighbours farther away see pixels of the plane that it does not see itself.
    options = {"reach": 1} if name == "infinity_harmonic" else {}
    plane = solved(name, image, known, **options).image
    volume = solved(name, np.stack([image] * 4), np.stack([known] * 4), **options).image
    if name == "total_variation":
        value = steepest.total_variation(plane)
        assert abs(steepest.total_variation(volume) / 4 - value) < 2e-4 * value
    else:
        assert np.abs(volume - plane).max() < 1e-5


@pytest.mark.parametrize("name", [n for n in NAMES if n not in PLANAR])
def test_one_dimension(name: str) -> None:
    image = np.linspace(0, 1, 30) ** 2
    known = mask((30,), 0.3)
    line = solved(name, image, known)
    assert line.image.shape == (30,)
    assert (line.image[known] == image[known]).all()
    sheet = solved(name, image[None], known[None]).image
    assert (sheet[0] == line.image).all()


@pytest.mark.parametrize("name", NAMES)
def test_threads_do_not_change_the_result(name: str) -> None:
    image, known = photograph(), mask()
    one, three = (
        getattr(inpainting, name)(image, known, channel_axis=-1, num_threads=n).image
        for n in (1, 3)
    )
    assert (one == three).all()


@pytest.mark.parametrize("name", NAMES)
def test_says_when_the_tolerance_was_not_met(name: str) -> None:
    image, known = photograph(), mask()
    options: dict[str, Any] = {"channel_axis": -1, "tol": 1e-9, "max_num_iter": 1}
    result = getattr(inpainting, name)(image, known, **options)
    assert not result.converged
    assert result.residual > 1e-9
    assert result.status is Status.MAX_ITERATIONS
    assert result.iterations == 1
    with pytest.raises(NotConverged) as caught:
        getattr(inpainting, name)(image, known, raise_on_failure=True, **options)
    assert (caught.value.result.image == result.image).all()


@pytest.mark.parametrize("name", NAMES)
def test_bad_input(name: str) -> None:
    function = getattr(inpainting, name)
    image, known = photograph(), mask()
    for bad, message in (
        (known[1:], "known of shape"),
        (np.zeros_like(known), "no known pixel"),
        (np.full(known.shape, 0.5), "confidences"),
        (known.astype(int), "known has dtype"),
    ):
        with pytest.raises(InputError, match=message):
            function(image, bad, channel_axis=-1)
    with pytest.raises(InputError, match="NaN, infinite or masked at"):
        function(np.full((4, 4), np.nan), np.ones((4, 4), bool))
    with pytest.raises(InputError, match="known or unknown is needed"):
        function(np.zeros((4, 4), np.uint8))
    for option in ({"tol": 0}, {"max_num_iter": 0}, {"num_threads": 0}):
        with pytest.raises(InputError, match=next(iter(option))):
            function(image, known, channel_axis=-1, **option)


@pytest.mark.parametrize("name", PLANAR)
def test_only_planes(name: str) -> None:
    with pytest.raises(InputError, match="3 spatial axes; allowed are 2"):
        getattr(inpainting, name)(np.zeros((4, 4, 4)), np.ones((4, 4, 4), bool))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("infinity_harmonic", {"reach": 0}),
        ("infinity_harmonic", {"reach": 9}),
        ("edge_enhancing", {"contrast": 0}),
        ("edge_enhancing", {"sigma": -1}),
        ("curvature_driven", {"slope": 0}),
        ("curvature_driven", {"floor": 0}),
        ("mumford_shah", {"contrast": 0}),
        ("mumford_shah", {"width": -1}),
        ("mumford_shah", {"floor": 0}),
    ],
)
def test_bad_parameters(name: str, option: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(option))):
        getattr(inpainting, name)(photograph(), mask(), channel_axis=-1, **option)


@pytest.mark.parametrize("name", NAMES)
def test_refuses_torch_tensors(name: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="only inpaint takes torch"):
        getattr(inpainting, name)(torch.zeros(4, 4), np.ones((4, 4), bool))
    with pytest.raises(InputError, match="only inpaint takes torch"):
        getattr(inpainting, name)(np.zeros((4, 4)), torch.ones(4, 4, dtype=torch.bool))
