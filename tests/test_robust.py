"""Robust statistics: closed forms, symmetries and filters."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import t as student

from steepest import robust
from steepest.core.errors import InputError

SAMPLES = np.random.default_rng(1).standard_cauchy((500, 4))


def picture(n: int = 48) -> np.ndarray:
    y, x = np.indices((n, n))
    return 0.3 + 0.4 * ((x - 24) ** 2 + (y - 20) ** 2 < 200) + 0.004 * x


def test_three_values_as_ferguson() -> None:
    x = np.sort(SAMPLES[:, :3], axis=1)
    p, q, r = x.T
    total = (r - q) ** 2 + (r - p) ** 2 + (q - p) ** 2
    location = (p * (r - q) ** 2 + q * (r - p) ** 2 + r * (q - p) ** 2) / total
    scale = np.sqrt(3) * (r - q) * (r - p) * (q - p) / total
    fit = robust.cauchy_fit(x, axis=1)
    assert np.abs(fit.location - location).max() < 1e-9 * np.abs(x).max()
    assert np.abs(fit.location - location).max() / scale.min() < 1e-9 / scale.min()
    assert np.abs(fit.scale / scale - 1).max() < 1e-9
    assert fit.status.ok


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), n=st.integers(3, 40), shift=st.floats(-1e6, 1e6),
    factor=st.floats(1e-6, 1e6), dof=st.sampled_from([1.0, 2.5, 30.0]),
)  # fmt: skip
def test_equations_of_the_maximum_and_symmetries(
    seed: int, n: int, shift: float, factor: float, dof: float
) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.standard_cauchy(n), rng.uniform(0.9, 1.1, n)
    fit = robust.student_t_fit(x, dof, weights=w)
    z = (x - fit.location) / fit.scale
    w = w / w.sum()
    assert abs(np.sum(w * z / (dof + z * z))) < 1e-9
    assert abs((dof + 1) * np.sum(w * z * z / (dof + z * z)) - 1) < 1e-9
    moved = robust.student_t_fit(shift - factor * x, dof, weights=w)
    unit = factor * fit.scale + 1e-6 * (abs(shift) + factor * np.abs(x).max())
    assert abs(moved.location - (shift - factor * fit.location)) < 1e-6 * unit
    assert abs(moved.scale - factor * fit.scale) < 1e-6 * unit


def test_student_t_as_minimised_by_scipy() -> None:
    x = np.random.default_rng(2).standard_t(3, 60) * 2 + 5
    fit = robust.student_t_fit(x, 3)
    best = minimize(
        lambda p: -student.logpdf(x, 3, p[0], np.exp(p[1])).sum(), [0, 0], method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000},
    ).x  # fmt: skip
    assert fit.location == pytest.approx(best[0], abs=1e-6)
    assert fit.scale == pytest.approx(np.exp(best[1]), abs=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1, 1, 2, 3], "value 1 too often"),
        ([5], "too often"),
        ([1, 2], "too often"),
        ([0, np.nan, 1, 2], "finite"),
        ([], "no sample"),
        (["a", "b"], "number"),
        (3.0, "no sample"),
    ],
)
def test_samples_without_a_fit(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        robust.cauchy_fit(x)


def test_bad_options_of_fits() -> None:
    x = np.arange(5.0)
    with pytest.raises(InputError, match="weights of shape"):
        robust.cauchy_fit(x, weights=[1, 2])
    with pytest.raises(InputError, match="weights must be positive"):
        robust.cauchy_fit(x, weights=[1, 1, 0, 1, 1])
    with pytest.raises(InputError, match="axis"):
        robust.cauchy_fit(x, axis=1)
    with pytest.raises(InputError, match="dof"):
        robust.student_t_fit(x, 0.5)
    with pytest.raises(InputError, match="in 1 of 2 samples"):
        robust.cauchy_fit([[1, 2, 3, 4], [2, 2, 2, 7]], axis=1)


def test_the_myriad_filter_fits_every_window() -> None:
    image = np.random.default_rng(3).random((6, 7))
    filtered = robust.myriad_filter(image)
    padded = np.pad(image, 1, mode="symmetric")
    inner = robust.cauchy_fit(padded[2:5, 3:6].ravel())  # the window around pixel (2, 3)
    assert filtered[2, 3] == pytest.approx(inner.location, abs=1e-10)
    wide = robust.myriad_filter(image, scale=1e4)  # a large scale averages
    assert wide[2, 3] == pytest.approx(padded[2:5, 3:6].mean(), abs=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("function", [robust.myriad_filter, robust.denoise_cauchy])
def test_filters_keep_the_type_and_remove_outliers(function: Any, dtype: str) -> None:
    top = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    clean = picture()
    noisy = clean + 0.005 * np.random.default_rng(0).standard_normal(clean.shape)
    noisy[10, 30] = noisy[30, 7] = 1.0
    image = (noisy * top).astype(dtype)
    given = image.copy()
    result = function(image)
    assert result.dtype == image.dtype
    assert result.shape == image.shape
    assert (image == given).all()
    assert abs(result[10, 30] / top - clean[10, 30]) < 0.02
    assert abs(result[30, 7] / top - clean[30, 7]) < 0.02
    colour = function(np.stack([image, image], -1), channel_axis=-1)
    assert np.abs(colour[..., 1].astype(float) - result).max() <= 0.01 * top


@pytest.mark.parametrize("scale", [5 / 255, 10 / 255])
def test_denoise_cauchy_is_better_than_the_window(scale: float) -> None:
    clean = picture(80)
    noisy = clean + scale * np.random.default_rng(4).standard_cauchy(clean.shape)

    def error(image: np.ndarray) -> float:
        return float(((image - clean) ** 2).mean())

    assert robust.estimate_cauchy_noise(noisy) == pytest.approx(scale, rel=0.05)
    window, patches = robust.myriad_filter(noisy), robust.denoise_cauchy(noisy)
    assert error(patches) < 0.8 * error(window)
    shifted = robust.denoise_cauchy(7 - 100 * noisy)
    assert np.abs((7 - shifted) / 100 - patches).max() < 1e-9


def test_denoise_cauchy_can_be_stopped() -> None:
    noisy = picture() + 0.02 * np.random.default_rng(4).standard_cauchy((48, 48))
    steps: list[Any] = []
    whole = robust.denoise_cauchy(noisy, 0.02, on_step=steps.append)
    first = robust.denoise_cauchy(noisy, 0.02, on_step=lambda step: True)
    assert [step.step for step in steps] == [1, 2]
    assert np.isfinite(first).all()
    assert (first != whole).any()


def test_bad_input_of_filters() -> None:
    image = picture()
    for bad, message in (
        ({"size": 4}, "odd"),
        ({"size": 1}, "size"),
        ({"scale": 0}, "scale"),
    ):
        with pytest.raises(InputError, match=message):
            robust.myriad_filter(image, **bad)
    for bad, message in (
        ({"scale": -1}, "scale"),
        ({"patch_size": 0}, "patch_size"),
        ({"num_patches": 2}, "num_patches"),
        ({"patch_distance": 0}, "patch_distance"),
    ):
        with pytest.raises(InputError, match=message):
            robust.denoise_cauchy(image, **bad)
    with pytest.raises(InputError, match="allowed are 2"):
        robust.denoise_cauchy(np.zeros((8, 8, 8)), 1.0)
    with pytest.raises(InputError, match="larger than the image"):
        robust.denoise_cauchy(np.zeros((4, 8)), 1.0)
    with pytest.raises(InputError, match="cannot be estimated"):
        robust.denoise_cauchy(np.zeros((9, 9)))
    with pytest.raises(InputError, match="NaN"):
        robust.myriad_filter(np.full((5, 5), np.nan))
