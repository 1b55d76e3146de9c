"""The spectral transform: exact inversion, eigenfunctions in their band, spectrum, symmetries."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import steepest
from cases import (
    Case,
    eigen_cases,
    flow_by_merging,
    signals,
    step,
)
from cases.arguments import arguments
from cases.spectra import VARIANTS, noise, quality, two_structures
from steepest import spectral

DECIBEL = {np.float32: 120.0, np.float64: 250.0}
EIGEN = list(eigen_cases())


def energies(decomposition: spectral.Decomposition) -> np.ndarray:
    return np.array([float((band.astype(np.float64) ** 2).sum()) for band in decomposition.bands])


def mean_of(case: Case) -> Any:
    """The mean, of every channel if there are some."""
    if "channel_axis" in case.options:
        return case.image.mean(axis=(0, 1), keepdims=True)
    return case.image.mean()


# --- inversion ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "grid", "dtype"),
    [
        *((name, "uniform", np.float64) for name in VARIANTS),
        *((name, "logarithmic", np.float32) for name in ("image", "separate colours", "colour")),
    ],
)
def test_bands_and_residual_are_the_image(name: str, grid: str, dtype: Any) -> None:
    shape, options = VARIANTS[name]
    image = noise(*shape).astype(dtype)
    result = spectral.decompose(image, **arguments(grid=grid, steps=25, **options))
    assert result.bands.dtype == result.residual.dtype == dtype
    assert result.bands.shape == (result.num_bands, *shape)
    assert result.residual.shape == shape
    assert quality(result.bands.sum(0) + result.residual, image) >= DECIBEL[dtype]
    assert quality(result.recompose(np.ones(result.num_bands)), image) >= DECIBEL[dtype]
    assert quality(result.recompose(), image) >= DECIBEL[dtype]
    masses = sum(result.mass(n) for n in range(1, result.times.size + 1))
    assert quality(masses + result.residual, image) >= DECIBEL[dtype]


@settings(max_examples=15)
@given(
    arrays(np.float64, st.tuples(st.integers(2, 6), st.integers(1, 6)), elements=st.floats(0, 2)),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from(["uniform", "logarithmic"]),
    st.integers(2, 12),
)
def test_any_image_is_reproduced(image: np.ndarray, dtype: Any, grid: str, steps: int) -> None:
    image = image.astype(dtype)
    image.flat[0], image.flat[-1] = 0, 2  # so that the data range is not next to nothing
    result = spectral.decompose(image, **arguments(grid=grid, steps=steps))
    assert quality(result.bands.sum(0) + result.residual, image) >= DECIBEL[dtype]


@pytest.mark.parametrize("t_max", [0.01, 0.3, 50.0])
@pytest.mark.parametrize("tol", [0.5, 1e-6])
def test_inversion_needs_neither_accuracy_nor_the_end(t_max: float, tol: float) -> None:
    image = noise(11, 10)
    result = spectral.decompose(
        image, t_max=t_max, solver=steepest.Solver(tol=tol), steps=steepest.TimeGrid.uniform(20)
    )
    assert quality(result.bands.sum(0) + result.residual, image) >= 250


# --- agreement with flows -------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_residual_is_the_paper_s(name: str) -> None:
    shape, options = VARIANTS[name]
    image, last = noise(*shape), 0.15
    result = spectral.decompose(
        image, **arguments(t_max=last, steps=steepest.TimeGrid.uniform(10), tol=1e-8, **options)
    )
    times = last * np.arange(1, 11) / 10
    assert result.nodes == pytest.approx([0, *times])
    frames = steepest.flow(image, times, **arguments(steps=10, tol=1e-8, **options)).images
    expected = frames[-1] - last * (frames[-1] - frames[-2]) / (times[-1] - times[-2])
    assert result.residual == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("name", "signal"), list(signals()))
@pytest.mark.parametrize("grid", ["uniform", "logarithmic"])
def test_signals_against_the_exact_flow(name: str, signal: np.ndarray, grid: str) -> None:
    result = spectral.decompose(signal, **arguments(grid=grid, steps=20, tol=1e-13, bands=3))
    t = result.nodes
    frames = np.array([signal, *flow_by_merging(signal, t[1:])])
    velocity = np.diff(frames, axis=0) / np.diff(t)[:, None]
    masses = t[1:-1, None] * np.diff(velocity, axis=0)
    index = np.array([np.sum(result.edges[1:-1] <= node) for node in t[1:-1]])
    bands = np.array([masses[index == k].sum(0) for k in range(3)])
    room = 1e-4 * np.ptp(signal)
    assert np.abs(result.frames - frames).max() <= 1e-6 * np.ptp(signal)
    assert np.abs(result.bands - bands).max() <= room
    assert np.abs(result.residual - (frames[-1] - t[-1] * velocity[-1])).max() <= room


# --- eigenfunctions -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", EIGEN, ids=str)
@pytest.mark.parametrize("grid", ["uniform", "logarithmic"])
def test_eigenfunction_lands_in_its_band_alone(case: Case, grid: str) -> None:
    end, tol = case.extinction or 0.0, {"logarithmic": 1e-2, "uniform": 1e-3}[grid]  # default 1e-2
    edges = [0.0, 0.2 * end, 0.5 * end, 2 * end, 3 * end, np.inf]
    result = spectral.decompose(
        case.image,
        **arguments(bands=edges, t_max=4 * end, grid=grid, steps=60, tol=tol, **case.options),
    )
    energy = energies(result)
    assert np.argmax(energy) == 2
    assert energy.sum() - energy[2] <= 1e-4 * energy[2]


@pytest.mark.parametrize("case", EIGEN, ids=str)
@pytest.mark.parametrize("factor", [None, 1.6, 2.0, 3.1])
def test_eigenfunction_lands_in_one_automatic_band(case: Case, factor: float | None) -> None:
    t_max = None if factor is None else factor * (case.extinction or 0.0)
    energy = energies(spectral.decompose(case.image, **arguments(t_max=t_max, **case.options)))
    assert energy.sum() - energy.max() <= 1e-4 * energy.max()


@pytest.mark.parametrize("case", EIGEN, ids=str)
def test_band_of_an_eigenfunction_is_the_eigenfunction(case: Case) -> None:
    end = case.extinction or 0.0
    result = spectral.decompose(
        case.image,
        **arguments(bands=[0, end / 2, 2 * end], t_max=3 * end, tol=1e-9, **case.options),
    )
    assert np.abs(result.bands[1] - (case.image - mean_of(case))).max() <= 1e-3


@pytest.mark.parametrize("case", EIGEN, ids=str)
def test_total_mass_and_scale_map_of_an_eigenfunction(case: Case) -> None:
    end = case.extinction or 0.0
    result = spectral.decompose(case.image, **arguments(t_max=2.5 * end, tol=1e-6, **case.options))
    expected = np.abs(case.image - mean_of(case)).sum()
    assert float((result.spectrum * result.durations).sum()) == pytest.approx(expected, rel=2e-3)
    after = int(np.searchsorted(result.nodes, end))
    scales = spectral.scale_map(result)
    assert scales.shape == case.image.shape[: -1 if "channel_axis" in case.options else None]
    assert np.all(scales >= result.nodes[after - 1] / (1 + 1e-9))
    assert np.all(scales <= result.nodes[after] * (1 + 1e-9))


@pytest.mark.parametrize("options", [{"bands": [0, 1.0, np.inf]}, {"bands": 2}, {}])
def test_two_structures_land_in_two_bands(options: dict[str, Any]) -> None:
    image, weak, strong = two_structures()
    result = spectral.decompose(image, **arguments(isotropic=False, tol=1e-6, **options))
    early = result.bands[result.edges[1:] < 4.0].sum(0)  # the times are 0.3 and 4
    late = result.bands[result.edges[:-1] > 0.3].sum(0)
    assert np.abs(early - weak).max() <= 1e-3
    assert np.abs(late - strong).max() <= 1e-3
    held = np.sort(energies(result))[::-1]
    assert held[:2] == pytest.approx([(strong**2).sum(), (weak**2).sum()], rel=1e-2)
    assert held[2:].sum() <= 1e-4 * held[1]


# --- spectrum -------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", ["uniform", "logarithmic"])
def test_spectrum_is_the_l1_norm_of_the_density(grid: str) -> None:
    result = spectral.decompose(noise(9, 8), **arguments(grid=grid, steps=20))
    t, u = result.nodes, result.frames
    velocity = np.diff(u, axis=0) / np.diff(t)[:, None, None]
    masses = t[1:-1, None, None] * np.diff(velocity, axis=0)
    durations = (t[2:] - t[:-2]) / 2
    total = np.abs(masses).sum()
    assert result.times == pytest.approx(t[1:-1])
    assert result.spectrum.shape == result.times.shape
    assert (result.spectrum * durations).sum() == pytest.approx(total, rel=1e-9)
    assert result.spectrum == pytest.approx(np.abs(result.density()).sum((1, 2)), rel=1e-9)
    assert result.density() == pytest.approx(masses / durations[:, None, None])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_as_many_bands_as_asked_for(count: int) -> None:
    for image in (noise(9, 8), step((12,), 6).image, np.full((4, 4), 0.5)):
        result = spectral.decompose(image, bands=count)
        assert result.num_bands == len(result.bands) == count
        assert result.edges[0] == 0
        assert np.all(np.diff(result.edges) > 0)
        inside = np.searchsorted(result.times, result.edges)
        assert np.all(np.diff(inside) >= 1)  # every band holds a node


def test_given_edges_are_kept() -> None:
    result = spectral.decompose(noise(9, 8), bands=[0, 0.02, 0.1, np.inf])
    assert result.edges.tolist() == [0, 0.02, 0.1, np.inf]
    direct = [((result.times >= a) & (result.times < b)) for a, b in zip(result.edges[:-1],
              result.edges[1:], strict=True)]  # fmt: skip
    for k, inside in enumerate(direct):
        expected = sum(result.mass(n + 1) for n in np.flatnonzero(inside))
        assert result.bands[k] == pytest.approx(expected, abs=1e-12)


# --- symmetries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [2.0, 0.25, 2.0**-40, 2.0**30])
def test_contrast_scales_times_and_bands(factor: float) -> None:
    image = noise(12, 10)
    plain, scaled = spectral.decompose(image), spectral.decompose(factor * image)
    assert scaled.nodes == pytest.approx(factor * plain.nodes, rel=1e-12)
    assert scaled.edges == pytest.approx(factor * plain.edges, rel=1e-12)
    assert scaled.bands / factor == pytest.approx(plain.bands, abs=1e-12)
    assert scaled.residual / factor == pytest.approx(plain.residual, abs=1e-12)
    assert scaled.spectrum == pytest.approx(plain.spectrum, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shift", [0.5, -3.0, 1e3])
def test_grey_shift_moves_the_residual_alone(shift: float) -> None:
    image = noise(12, 10)
    options: dict[str, Any] = {"tol": 1e-10, "t_max": 1.0, "bands": [0, 0.05, 0.2, np.inf]}
    plain = spectral.decompose(image, **arguments(**options))
    moved = spectral.decompose(image + shift, **arguments(**options))
    assert moved.bands == pytest.approx(plain.bands, abs=1e-4)
    assert moved.residual == pytest.approx(plain.residual + shift, abs=1e-4)


def test_large_grey_shift_needs_no_last_time() -> None:
    image = step((16,), 8).image
    moved = spectral.decompose(image + 1e7)
    assert np.abs(moved.residual - 1e7 - image.mean()).max() <= 1e-2


@pytest.mark.parametrize("power", [-8, -2, 3])
def test_spacing_and_weights_only_change_the_clock(power: int) -> None:
    image, factor = noise(12, 10), 2.0**power
    plain = spectral.decompose(image)
    stretched = spectral.decompose(image, spacing=factor)
    weighted = spectral.decompose(
        image, energy=steepest.TotalVariation(weights=np.full(image.shape, 1 / factor))
    )
    for other in (stretched, weighted):
        assert other.nodes == pytest.approx(factor * plain.nodes, rel=1e-6)
        assert other.bands.shape == plain.bands.shape
        assert other.bands == pytest.approx(plain.bands, abs=1e-2)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_integers_count_on_the_unit_scale(kind: Any) -> None:
    top = np.iinfo(kind).max
    image = (noise(10, 9) * 0.9 * top).astype(kind)
    result = spectral.decompose(image, solver=steepest.Solver(tol=1e-6))
    unit = spectral.decompose((image / top).astype(np.float32), solver=steepest.Solver(tol=1e-6))
    assert result.image.dtype == result.bands.dtype == np.float32
    assert result.image == pytest.approx(unit.image, abs=1e-6)
    assert result.nodes == pytest.approx(unit.nodes, rel=1e-4)
    assert quality(result.bands.sum(0) + result.residual, image / top) >= 120
    assert result.flow.data_range == 1.0  # as in tv_flow


def test_edges_do_not_change_the_time_grid() -> None:
    """Where bands end and how finely time is resolved are different things."""
    image = np.random.default_rng(6).random((12, 13))
    free = spectral.decompose(image, steps=20)
    for edges in ([1e-6], [free.nodes[1] / 10, 0.3], [free.nodes[-1] * 2]):
        split = spectral.decompose(image, steps=20, bands=edges)
        np.testing.assert_array_equal(split.nodes, free.nodes)
        np.testing.assert_allclose(split.bands.sum(0) + split.residual, image, atol=1e-12)


# --- series ---------------------------------------------------------------------------------------


def test_all_pages_of_a_series_have_the_same_times_and_bands() -> None:
    """Also a page without structures, and one whose structures are far weaker."""
    image = two_structures()[0]
    pages = [image, 0.01 * image, np.ones_like(image)]
    series = spectral.decompose_series(pages)
    assert len(series) == 3
    assert series.edge_pages == (0, 1, 2)
    longest = 1.5 * max(steepest.extinction_time(page) for page in pages)
    assert series.nodes[-1] == pytest.approx(longest)
    for page, result in zip(pages, series, strict=True):
        assert np.array_equal(result.nodes, series.nodes)
        assert np.array_equal(result.edges, series.edges)
        assert quality(result.bands.sum(0) + result.residual, page) >= DECIBEL[np.float64]
        assert result.residual == pytest.approx(page.mean(), abs=1e-3)


def test_edges_of_a_series_separate_what_any_of_its_pages_holds() -> None:
    """Structures of two scales on two pages get bands of their own."""
    small, large = np.zeros((24, 24)), np.zeros((24, 24))
    small[4:6, 4:6], large[4:16, 4:16] = 0.2, 1.0
    series = spectral.decompose_series([small, large])
    shares = [np.abs(r.bands).sum(axis=(1, 2)) / np.abs(r.bands).sum() for r in series]
    assert shares[0][0] > 0.99
    assert shares[1][0] < 0.01


def test_a_series_of_one_page_is_its_decomposition() -> None:
    image = two_structures()[0]
    alone, (page,) = spectral.decompose(image), spectral.decompose_series([image])
    assert np.array_equal(alone.edges, page.edges)
    assert np.array_equal(alone.frames, page.frames)


@pytest.mark.parametrize(
    ("pages", "options", "words"),
    [
        ([], {}, "pages is empty"),
        (3, {}, "pages of type int"),
        (
            [np.eye(4), np.full((4, 4), np.nan)],
            {},
            r"page 2 of 2 \(pages\[1\]\): image holds 16 NaN",
        ),
        ([np.eye(4)], {"bands": [2.0, 1.0]}, "bands"),
        ([np.eye(4)], {"on_step": 3}, "on_step"),
    ],
)
def test_bad_series_are_refused(pages: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(steepest.InputError, match=words):
        spectral.decompose_series(pages, **options)


def test_too_few_iterations_end_with_their_status() -> None:
    image = np.random.default_rng(0).random((12, 12))
    result = spectral.decompose(image, bands=2, solver=steepest.Solver(max_num_iter=1))
    assert not result.flow.status.ok
    np.testing.assert_allclose(result.bands.sum(axis=0) + result.residual, image, atol=1e-12)


def test_edges_of_two_dimensions_are_named() -> None:
    with pytest.raises(steepest.InputError, match=r"not of shape \(2, 2\)"):
        spectral.decompose(np.eye(4), bands=[[0.1, 0.2], [0.3, 0.4]])
