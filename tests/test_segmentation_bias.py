"""bias_corrected on images whose illumination is known."""

import numpy as np
import pytest

import steepest
from steepest import InputError, NotConverged, Status
from steepest.segmentation import bias_corrected, chan_vese, cut


def lit(shape=(128, 128), seed=0):
    """Two classes 0.5 and 1 (discs, balls or intervals) under an uneven light, with noise."""
    places = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    inside = np.zeros(shape, bool)
    for *centre, radius in ((0.25, 0.3, 0.3, 0.14), (0.7, 0.75, 0.6, 0.16), (0.7, 0.25, 0.3, 0.12)):
        square = sum((p - c) ** 2 for p, c in zip(places, centre, strict=False))
        inside |= square < radius**2
    light = 1 + 0.5 * np.sin(3 * (places[0] - 0.5)) * (
        np.cos(2 * places[-1]) if len(shape) > 1 else 1
    )
    noise = 0.05 * np.random.default_rng(seed).standard_normal(shape)
    return light * np.where(inside, 1.0, 0.5) + noise, inside, light / light.mean()


def dice(a, b):
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


@pytest.mark.parametrize("shape", [(300,), (128, 128), (24, 30, 26)])
def test_objects_and_light_are_found(shape):
    image, inside, light = lit(shape)
    result = bias_corrected(image, 0.02, {1: 300.0, 2: 60.0, 3: 20.0}[len(shape)])
    assert result.certain.all()
    assert dice(result.labels > 0, inside) > 0.99
    assert np.linalg.norm(result.bias - light) < 0.12 * np.linalg.norm(light)
    assert result.bias.mean() == pytest.approx(1)
    assert result.values == pytest.approx([0.5, 1.0], rel=0.1)
    assert np.allclose(result.corrected * result.bias, image)


def test_more_than_the_best_contour_alone():
    image, inside, _ = lit()
    plain = dice(chan_vese(image, 0.25).labels > 0, inside)
    assert dice(bias_corrected(image, 0.02, 60.0).labels > 0, inside) > max(0.999, plain)


def test_each_block_is_optimal_and_the_energy_is_the_sum():
    image, _, _ = lit((40, 50))
    spacing = (1.0, 2.0)
    result = bias_corrected(image, 0.02, 60.0, spacing=spacing)
    b, m = result.bias, result.values[result.labels.astype(int)]
    low, high = ((image - b * value) ** 2 for value in result.values)
    labels = cut(high - low, 0.02, spacing=spacing)
    assert np.array_equal(labels.labels, result.labels)
    contour = steepest.total_variation(
        result.labels.astype(float), isotropic=False, spacing=spacing
    )
    rough = sum((np.diff(b, axis=a) ** 2).sum() / h**2 for a, h in enumerate(spacing))
    energy = 0.02 * contour + ((image - b * m) ** 2).sum() + 30.0 * rough
    assert result.energy == pytest.approx(energy, rel=1e-9)

    def near(change):
        """The energy of the smooth terms for a bias changed without changing its mean."""
        moved = b + change - change.mean()
        slopes = sum((np.diff(moved, axis=a) ** 2).sum() / h**2 for a, h in enumerate(spacing))
        return ((image - moved * m) ** 2).sum() + 30.0 * slopes

    random = np.random.default_rng(0)
    for size in (1e-2, 1e-3):
        assert near(size * random.standard_normal(b.shape)) > near(np.zeros(b.shape)) - 1e-6


def test_bad_input():
    image, _, _ = lit((20, 20))
    with pytest.raises(InputError, match="bias_strength"):
        bias_corrected(image, 0.1, 0)
    with pytest.raises(InputError, match="mean"):
        bias_corrected(-image, 0.1, 1)
    with pytest.raises(InputError, match="length"):
        bias_corrected(image, -0.1, 1)
    with pytest.raises(NotConverged):  # all costs are zero
        bias_corrected(np.ones((20, 20)), 0.1, 1, solver=steepest.Solver(raise_on_failure=True))
    constant = bias_corrected(np.ones((20, 20)), 0.1, 1)
    assert constant.status is Status.EMPTY_CLASS
    assert np.isfinite(constant.values).all()
    assert not constant.labels.any()
