"""Every energy at every door. A refusal is a failure, unless the table gives its reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import energy_named, spectral
from steepest.convex.capabilities import energies

NAMES = list(energies())
CAMERA = np.asarray(steepest.io.sample("camera"), np.float32)[224:288, 224:288] / 255
NOISY = (CAMERA + 0.08 * np.random.default_rng(2).standard_normal(CAMERA.shape)).astype(np.float32)
COLOUR = np.stack([NOISY, NOISY[::-1], NOISY.T], -1)
VOLUME = np.random.default_rng(3).random((8, 10, 12))
SOLVER = steepest.Solver(tol=1e-2)
IMAGES: dict[str, dict[str, Any]] = {
    "1-D": {"image": NOISY[20]},
    "2-D": {"image": NOISY},
    "3-D": {"image": VOLUME},
    "channels": {"image": COLOUR, "channel_axis": -1},
    "separate channels": {"image": COLOUR, "channel_axis": -1, "coupled": False},
    "spacing": {"image": NOISY, "spacing": (1.0, 2.0)},
    "weights": {"image": NOISY, "weights": np.linspace(0.5, 1, NOISY.size).reshape(NOISY.shape)},
    "huber": {"image": NOISY, "huber": 0.02},
    "periodic": {"image": NOISY, "boundary": "periodic"},
}
OF_ENERGY = ("coupled", "weights", "huber", "boundary")


def refused(name: str, place: str) -> bool:
    return not energies()[name].allows(place)


def call(name: str, place: str, function: Any, *arguments: Any, **more: Any) -> Any:
    """``function(image, *arguments, energy, ...)``; a refusal must be that of the table."""
    options = {**IMAGES[place], **more}
    own = {key: options.pop(key) for key in OF_ENERGY if key in options}
    image = options.pop("image")
    if refused(name, place):
        with pytest.raises(steepest.InputError):
            function(image, *arguments, energy_named(name, **own), **options)
        pytest.skip(energies()[name].refuses[place])
    return function(image, *arguments, energy_named(name, **own), **options)


@pytest.mark.parametrize("place", IMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_denoise(name: str, place: str) -> None:
    """The minimiser has less energy than the image, and the bound holds against a finer one."""
    rough = call(name, place, steepest.denoise, 0.05, solver=SOLVER)
    fine = call(name, place, steepest.denoise, 0.05, solver=steepest.Solver(tol=1e-3))
    assert rough.converged
    assert fine.converged
    apart = np.linalg.norm(rough.image.astype(float) - fine.image)
    assert apart <= rough.error_bound + fine.error_bound
    assert not np.array_equal(fine.image, IMAGES[place]["image"])


@pytest.mark.parametrize("place", IMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_flow(name: str, place: str) -> None:
    result = call(name, place, steepest.flow, [0.02, 0.05], steps=4, solver=SOLVER)
    image = np.asarray(IMAGES[place]["image"], float)
    assert result.converged
    assert np.isfinite(result.error_bound).all()
    assert float(result.images[-1].mean()) == pytest.approx(float(image.mean()), abs=1e-5)
    moved = [float(np.linalg.norm(u - image)) for u in result.images]
    assert 0 < moved[0] < moved[1]


@pytest.mark.parametrize("name", NAMES)
def test_automatic_strength(name: str) -> None:
    result = steepest.denoise(NOISY, None, energy_named(name), solver=SOLVER)
    assert result.converged
    assert result.strength > 0
    assert 0.04 < result.sigma < 0.16
    given = steepest.denoise_discrepancy(NOISY, 0.08, energy_named(name), solver=SOLVER)
    removed = math.sqrt(float(((given.image - NOISY) ** 2).mean()))
    assert removed == pytest.approx(0.08, rel=0.02)


@pytest.mark.parametrize("place", ["2-D", "3-D", "separate channels"])
@pytest.mark.parametrize("name", NAMES)
def test_decompose_and_filter(name: str, place: str) -> None:
    """Bands and residual are the image; filters split it; the certificate is that of the flow."""
    options: dict[str, Any] = {"steps": 8, "bands": [0.02, 0.1], "t_max": 0.3, "solver": SOLVER}
    found = call(name, place, spectral.decompose, **options)
    np.testing.assert_allclose(found.recompose(), found.image, atol=1e-5)
    parts = spectral.low_pass(found, 0.05) + spectral.high_pass(found, 0.05)
    np.testing.assert_allclose(parts, found.image, atol=1e-5)
    assert found.flow.converged
    assert np.isfinite(found.flow.error_bound).all()
    assert all(np.abs(band).max() > 0 for band in found.bands)


@pytest.mark.parametrize("name", NAMES)
def test_decompose_finds_its_last_time(name: str) -> None:
    image = CAMERA[:32, :32]
    found = spectral.decompose(image, energy_named(name), steps=12, bands=3)
    np.testing.assert_allclose(found.recompose(), image, atol=1e-5)
    assert found.flow.converged
    energy = energy_named(name)
    if refused(name, "extinction"):
        with pytest.raises(steepest.InputError, match="too long"):
            spectral.extinction_time(image, energy)
        assert found.frames[-1].std() < image.std()
    else:
        assert np.ptp(found.residual) <= 2e-3 * np.ptp(image)
        assert found.nodes[-1] >= 0.5 * spectral.extinction_time(image, energy)


@pytest.mark.parametrize("name", NAMES)
def test_huber_has_no_spectral_transform(name: str) -> None:
    if refused(name, "huber"):
        pytest.skip(energies()[name].refuses["huber"])
    with pytest.raises(steepest.InputError, match=r"huber=0\.1 .*0"):
        spectral.decompose(CAMERA, energy_named(name, huber=0.1))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name: str) -> None:
    """Euler: for one-homogeneous J, f . dL/df + s dL/ds = sum of v dL/dv, at 64 x 64."""
    torch = pytest.importorskip("torch")
    image = torch.from_numpy(NOISY).double().requires_grad_()
    strength = torch.tensor(0.05, dtype=torch.float64, requires_grad=True)
    result = steepest.denoise(image, strength, energy_named(name), solver=steepest.Solver(tol=1e-5))
    loss = (result.image**2).sum() / 2
    loss.backward()
    along = float((image.grad * image.detach()).sum()) + float(strength.grad * strength)
    assert along == pytest.approx(2 * float(loss), rel=1e-3)
