"""What holds for every method of `steepest.inpaint`; new methods are found by themselves."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from steepest import Solver, inpaint, inpainting
from steepest.core.errors import InputError, NotConverged
from steepest.core.status import Status

METHODS: dict[str, Any] = {
    name: getattr(inpainting, kind) for name, kind in inpainting.METHODS.items()
}
VOLUMES = [name for name, kind in METHODS.items() if 3 in kind.dimensions]
OVERSHOOTING = {"biharmonic", "edge_enhancing"}  # no maximum principle
SYMMETRIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "transposed": lambda a: a.swapaxes(0, 1),
    "flipped": lambda a: a[::-1],
    "rotated": lambda a: np.rot90(a, axes=(0, 1)),
}
every = pytest.mark.parametrize("name", METHODS)


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


def solved(method: Any, image: Any, known: Any, **options: Any) -> Any:
    """To a tight tolerance, which must be met."""
    tol = 1e-5 * method.tol
    result = inpaint(image, known, method, solver=Solver(tol=tol, max_num_iter=5000), **options)
    assert result.converged, result.status
    assert result.residual <= tol
    return result


@every
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_known_pixels_are_kept_bit_for_bit(name: str, dtype: str) -> None:
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    image = (photograph() * scale).astype(dtype)
    known = mask()
    result = inpaint(image, known, METHODS[name](), channel_axis=-1)
    assert result.image.dtype == image.dtype
    assert result.image.shape == image.shape
    assert (result.image[known] == image[known]).all()
    assert (result.image[~known] != image[~known]).mean() > 0.8
    assert result.status is Status.CONVERGED


@every
def test_every_way_to_say_what_is_known(name: str) -> None:
    image, known, method = photograph(), mask(), METHODS[name]()
    wanted = inpaint(image, known, method, channel_axis=-1).image

    def same(image: Any, known: Any = None, **unknown: Any) -> None:
        found = inpaint(image, known, method, channel_axis=-1, **unknown).image
        assert type(found) is np.ndarray
        assert np.array_equal(found, wanted)

    one = np.zeros(image.shape, bool)  # in one channel is enough
    one[~known, np.random.default_rng(0).integers(0, 3, (~known).sum())] = True
    same(np.where(known[..., None], image, np.nan))
    same(np.where(one, np.nan, image))
    same(np.where(known[..., None], image, -77.0), known)
    same(np.ma.array(image, mask=one))
    for marked in (~known, 255 * (~known).astype(int), ~known * 1.0):
        same(image, unknown=marked)


@every
def test_constants_stay_and_a_full_mask_changes_nothing(name: str) -> None:
    constant = inpaint(np.full((12, 9), 0.3), mask((12, 9)), METHODS[name]())
    assert np.allclose(constant.image, 0.3, rtol=1e-12, atol=0)
    assert constant.converged
    image = photograph()
    full = inpaint(image, np.ones((20, 17), bool), METHODS[name](), channel_axis=-1)
    assert (full.image == image).all()
    assert full.converged
    assert full.iterations == 0


@every
def test_commutes_with_brightness_and_contrast(name: str) -> None:
    image, known = photograph(), mask()
    plain = solved(METHODS[name](), image, known, channel_axis=-1).image
    changed = solved(METHODS[name](), 40 - 1000 * image, known, channel_axis=-1).image
    assert np.abs((40 - changed) / 1000 - plain).max() < 1e-6


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_commutes_with_symmetries_of_the_square(name: str, symmetry: str) -> None:
    turn = SYMMETRIES[symmetry]
    image, known = photograph(), mask()
    plain = solved(METHODS[name](), image, known, channel_axis=-1).image
    turned = solved(METHODS[name](), turn(image), turn(known), channel_axis=-1).image
    assert np.abs(turned - turn(plain)).max() < 2e-5


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0.01, 0.6))
@pytest.mark.parametrize("name", [n for n in METHODS if n not in OVERSHOOTING])
def test_maximum_principle(name: str, seed: int, density: float) -> None:
    image, known = photograph(15, 14), mask((15, 14), density, seed)
    filled = inpaint(image, known, METHODS[name](), channel_axis=-1, solver=Solver(tol=1e-3)).image
    low, high = image[known].min(0), image[known].max(0)
    allowed = 1e-2 * float((high - low).max())
    assert (filled >= low - allowed).all()
    assert (filled <= high + allowed).all()


@pytest.mark.parametrize("name", VOLUMES)
def test_slices_of_a_volume_that_does_not_vary(name: str) -> None:
    """A volume that is the same along one axis, mask included, is filled slice by slice."""
    image, known = photograph(10, 9, 1)[..., 0], mask((10, 9), 0.3)
    method = METHODS[name]()
    plane = solved(method, image, known).image
    volume = solved(method, np.stack([image] * 4), np.stack([known] * 4)).image
    assert np.abs(volume - plane).max() < 1e-5


@pytest.mark.parametrize("name", VOLUMES)
def test_one_dimension(name: str) -> None:
    image = np.linspace(0, 1, 30) ** 2
    known = mask((30,), 0.3)
    line = solved(METHODS[name](), image, known)
    assert line.image.shape == (30,)
    assert (line.image[known] == image[known]).all()
    sheet = solved(METHODS[name](), image[None], known[None]).image
    assert (sheet[0] == line.image).all()


@every
def test_says_when_the_tolerance_was_not_met(name: str) -> None:
    image, known, method = photograph(), mask(), METHODS[name]()
    result = inpaint(image, known, method, channel_axis=-1, solver=Solver(1e-9, 1))
    assert not result.converged
    assert result.residual > 1e-9
    assert result.status is Status.MAX_ITERATIONS
    assert result.iterations == 1
    raising = Solver(1e-9, 1, raise_on_failure=True)
    with pytest.raises(NotConverged, match="iteration limit") as caught:
        inpaint(image, known, method, channel_axis=-1, solver=raising)
    assert (caught.value.result.image == result.image).all()


@every
@pytest.mark.parametrize(("batch", "channel"), [(0, None), (2, None), (-1, 1)])
@pytest.mark.parametrize("given_as", ["one", "each", "nan", "masked"])
def test_a_batch_is_each_image_alone(
    name: str, batch: int, channel: int | None, given_as: str
) -> None:
    rng, method = np.random.default_rng(35), METHODS[name]()
    space = (9, 11)
    images = rng.random((3, *space) if channel is None else (3, *space, 3))
    unknown = rng.random((3, *space)) < 0.4
    if given_as == "one":
        unknown[:] = unknown[0]
    marked = unknown if channel is None else np.stack([unknown] * 3, -1)
    if given_as == "nan":
        images[marked] = np.nan
    images = np.ma.array(images, mask=marked) if given_as == "masked" else images
    own = None if channel is None else -1
    masks: Any = {"one": {"unknown": unknown[0]}, "each": {"known": ~unknown}}.get(given_as, {})
    few = Solver(max_num_iter=20)
    alone = [
        inpaint(image, None, method, unknown=hole if masks else None, channel_axis=own, solver=few)
        for image, hole in zip(images, unknown, strict=True)
    ]
    here = (0,) if channel is None else (0, 3)
    there = (batch,) if channel is None else (batch, channel)
    stack = np.moveaxis(images, here, there)
    found = inpaint(
        stack, method=method, batch_axis=batch, channel_axis=channel, solver=few, **masks
    )
    assert found.image.shape == stack.shape
    back = np.moveaxis(found.image, there, here)
    np.testing.assert_array_equal(back, [each.image for each in alone])
    assert found.residual.tolist() == [each.residual for each in alone]
    assert found.iterations.tolist() == [each.iterations for each in alone]
    assert found.statuses == tuple(each.status for each in alone)


@every
def test_a_stopped_batch_takes_one_step_of_the_images_that_are_left(name: str) -> None:
    rng = np.random.default_rng(36)
    images, known = rng.random((3, 30, 31)), rng.random((3, 30, 31)) < 0.1
    steps: list[Any] = []
    found = inpaint(
        images, known, METHODS[name](), batch_axis=0, on_step=lambda s: steps.append(s) or True
    )
    assert len(steps) == 1
    assert found.statuses == (Status.STOPPED,) * 3
    assert found.iterations.max() <= 1
    assert np.isfinite(found.image).all()
    assert np.array_equal(found.image[known], images[known])


@every
def test_bad_input(name: str) -> None:
    image, known, method = photograph(), mask(), METHODS[name]()
    for bad, message in (
        (known[1:], "known of shape"),
        (np.zeros_like(known), "no known pixel"),
        (known.astype(int), "known has dtype"),
    ):
        with pytest.raises(InputError, match=message):
            inpaint(image, bad, method, channel_axis=-1)
    for mistake, message in (
        ({"known": known, "unknown": ~known}, "known and unknown are both given"),
        ({"unknown": np.ones_like(known)}, "unknown leaves no known pixel"),
        ({"unknown": known + 2 * mask(seed=1)}, "unknown holds more than two values"),
        ({"known": known, "solver": Solver(tol=0)}, "tol=0"),
        ({"known": known, "solver": 3}, "solver=3"),
        ({"known": known, "on_step": 3}, "on_step=3"),
    ):
        with pytest.raises(InputError, match=message):
            inpaint(image, method=method, channel_axis=-1, **mistake)
    holes = np.where(known[..., None], image, np.nan)
    with pytest.raises(InputError, match=r"NaN, infinite or masked at .* according to unknown"):
        inpaint(holes, method=method, unknown=known, channel_axis=-1)
    with pytest.raises(InputError, match="known or unknown is needed"):
        inpaint(np.zeros((4, 4), np.uint8), method=method)


@every
def test_what_a_method_does_not_take_is_refused_by_name(name: str) -> None:
    torch = pytest.importorskip("torch")
    image, known, method = np.zeros((4, 4)), np.ones((4, 4), bool), METHODS[name]()
    arguments: dict[str, Any] = {
        "spacing": (image, known, {"spacing": 2.0}, "spacing=2.0"),
        "confidences": (image, 0.5 * known, {}, "known with confidences"),
        "tensors": (torch.zeros(4, 4), known, {}, "a tensor as image or mask"),
    }
    for what, (pixels, mask_, options, words) in arguments.items():
        if what in method.takes:
            assert inpaint(pixels, mask_, method, **options).converged
            continue
        with pytest.raises(InputError, match=f"{words} is not available with method=.*Diffusion"):
            inpaint(pixels, mask_, method, **options)
    for ndim in {1, 2, 3} - set(method.dimensions):
        with pytest.raises(InputError, match=f"{ndim} spatial axes; .* allows"):
            inpaint(np.zeros((4,) * ndim), np.ones((4,) * ndim, bool), method)


@every
def test_methods_are_small_frozen_values(name: str) -> None:
    kind = METHODS[name]
    assert kind() == kind()
    assert len({kind(), kind()}) == 1
    for field in dataclasses.fields(kind):
        assert getattr(kind(), field.name) == field.default
        for bad in (-1, np.nan, "1", None):
            with pytest.raises(InputError, match=field.name):
                kind(**{field.name: bad})
    with pytest.raises(InputError, match="method="):
        inpaint(np.zeros((4, 4)), np.ones((4, 4), bool), kind)
