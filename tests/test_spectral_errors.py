"""The spectral transform of degenerate images, its callback and its errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest
from cases.arguments import arguments
from cases.spectra import noise, quality
from steepest import spectral


@pytest.fixture(scope="module")
def textured() -> spectral.Decomposition:
    return spectral.decompose(noise(14, 16), bands=4)


# --- degenerate images ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (5,), (1, 1), (6, 4), (1, 1, 1), (3, 2, 4)])
def test_constant_images_are_all_residual(shape: tuple[int, ...]) -> None:
    for value in (0.0, 0.3, -5.0):
        image = np.full(shape, value)
        result = spectral.decompose(image)
        assert result.residual == pytest.approx(image)
        assert np.abs(result.bands).max() <= 1e-14 * abs(value) * 10
        assert result.recompose() == pytest.approx(image)
        assert np.all(np.isfinite(result.spectrum))
        assert np.all(np.isfinite(result.nodes))
        assert spectral.scale_map(result).shape == shape


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1, 9), (1, 3, 3)])
def test_thin_images_are_those_of_fewer_axes(shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    options: dict[str, Any] = {"bands": [0, 0.1, np.inf], "t_max": 2.0, "tol": 1e-10}
    thin = spectral.decompose(image, **arguments(**options))
    flat = spectral.decompose(np.squeeze(image), **arguments(**options))
    assert thin.bands.reshape(flat.bands.shape) == pytest.approx(flat.bands, abs=1e-5)


def test_the_caller_s_array_stays_the_caller_s() -> None:
    image = noise(8, 9)
    kept = image.copy()
    result = spectral.decompose(image)
    assert np.array_equal(image, kept)
    image[:] = 0
    assert result.recompose() == pytest.approx(kept)
    assert result.image == pytest.approx(kept)


# --- callback and errors --------------------------------------------------------------------------


def test_on_step_reports_and_stops() -> None:
    image, seen = noise(8, 9), []

    def watch(report: Any) -> bool:
        seen.append((report.step, report.num_steps, report.time))
        return report.step == 7

    result = spectral.decompose(image, steps=20, t_max=1.0, on_step=watch)
    assert [number for number, _, _ in seen] == list(range(1, 8))
    assert all(total == 20 for _, total, _ in seen)
    assert result.nodes.size == 8
    assert result.nodes[-1] == pytest.approx(seen[-1][2])
    assert result.flow.status is steepest.Status.STOPPED
    assert quality(result.bands.sum(0) + result.residual, image) >= 250
    at_once = spectral.decompose(image, on_step=lambda report: True)
    assert at_once.flow.status is steepest.Status.STOPPED
    assert at_once.times.size == 0
    np.testing.assert_allclose(at_once.residual, image, atol=1e-15)  # nothing is told apart yet


def test_failure_is_a_status_or_an_error() -> None:
    image = noise(12, 12)
    options: dict[str, Any] = {"tol": 1e-10, "max_num_iter": 2, "t_max": 1.0}
    assert not spectral.decompose(image, **arguments(**options)).flow.converged
    with pytest.raises(steepest.NotConverged):
        spectral.decompose(image, **arguments(raise_on_failure=True, **options))


BAD_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"bands": 0}, "bands"),
    ({"bands": 2.5}, "bands"),
    ({"bands": [0, 1, 0.5]}, "bands"),
    ({"bands": [0, 1, 1]}, "bands"),
    ({"bands": [-1, 1]}, "bands"),
    ({"bands": [0, np.nan]}, "bands"),
    ({"bands": [0, np.inf, np.inf]}, "bands"),
    ({"bands": [[0, 1]]}, "bands"),
    ({"bands": ["a", "b"]}, "bands"),
    ({"t_max": 0.0}, "t_max"),
    ({"t_max": -1.0}, "t_max"),
    ({"t_max": np.inf}, "t_max"),
    ({"steps": 1}, "two steps"),
    ({"steps": 0}, "steps"),
    ({"steps": "cubic"}, "steps"),
    ({"weights": np.zeros((6, 6))}, "weights"),
    ({"channel_axis": 4}, "channel_axis"),
]


@pytest.mark.parametrize(("options", "named"), BAD_OPTIONS, ids=lambda value: str(value)[:40])
def test_bad_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(steepest.InputError, match=named):
        spectral.decompose(noise(6, 6), **arguments(**options))


def test_torch_tensors_are_refused() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.ones(4, 5)
    for call in (
        lambda: spectral.decompose(tensor),
        lambda: spectral.separate_texture(tensor, 0.1),
    ):
        with pytest.raises(steepest.InputError, match="torch"):
            call()


def test_there_is_no_huber_transform() -> None:
    with pytest.raises((steepest.InputError, TypeError), match="huber"):
        spectral.decompose(noise(6, 6), energy=steepest.TotalVariation(huber=0.1))


BAD_GAINS: list[Any] = [
    [1.0, 2.0],
    np.ones(5),
    np.ones((1, 4)),
    np.full(4, np.nan),
    [1, 1, 1, np.inf],
    np.nan,
    "loud",
    lambda t: t * np.nan,
    lambda t: np.ones(t.size + 1),
    lambda t: "loud",
]


@pytest.mark.parametrize("gains", BAD_GAINS, ids=lambda value: str(value)[:20])
def test_bad_gains_are_refused(textured: spectral.Decomposition, gains: Any) -> None:
    with pytest.raises(steepest.InputError, match="gain"):
        textured.recompose(gains)


BAD_CALLS: list[Callable[[spectral.Decomposition], Any]] = [
    lambda d: d.recompose(1.0, residual_gain=np.nan),
    lambda d: d.recompose(1.0, residual_gain="loud"),  # type: ignore[arg-type]
    lambda d: spectral.low_pass(d, np.nan),
    lambda d: spectral.high_pass(d, -0.1),
    lambda d: spectral.band_pass(d, 0.2, 0.2),
    lambda d: spectral.band_stop(d, 0.3, 0.1),
    lambda d: spectral.separate_texture(d.image, 0.0),
    lambda d: spectral.separate_texture(d.image, np.nan),
    lambda d: spectral.separate_texture(d.image, [0.1, 0.2]),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("call", BAD_CALLS)
def test_bad_calls_are_refused(
    textured: spectral.Decomposition, call: Callable[[spectral.Decomposition], Any]
) -> None:
    with pytest.raises(steepest.InputError):
        call(textured)
