"""One rule: "converged" stands only beside a number that is within its tolerance."""

import itertools
import json
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import (
    CombinedTotalVariation,
    CroftonTotalVariation,
    SecondOrderTotalVariation,
    Status,
    TotalGeneralisedVariation,
    TotalVariation,
    manifold,
)
from steepest.cli.main import main
from steepest.io import sample, write_image

RNG = np.random.default_rng(9)
ENERGIES = [
    TotalVariation(),
    TotalVariation(huber=0.1, boundary="periodic"),
    SecondOrderTotalVariation(),
    CombinedTotalVariation(),
    TotalGeneralisedVariation(),
    CroftonTotalVariation(),
]
SHAPES = [(1, 1), (1, 2), (2, 2), (5, 5)]


def agrees(status: Status, within: bool) -> bool:
    """Whether a status, in all its forms, may stand beside a number that is within or is not."""
    return (within or not status.converged) and (
        status.converged or not str(status).startswith("converged")
    )


def images(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Noise, and images of an energy that is zero but for rounding."""
    ramp = np.add.outer(*(np.arange(n) / 7 for n in shape))
    return [RNG.random(shape), np.full(shape, 0.3), ramp]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("energy", ENERGIES, ids=repr)
def test_denoising_and_flows(energy: Any, dtype: type) -> None:
    weaker = set()
    for shape, strength in itertools.product(SHAPES, (1e-3, 0.1, 10.0)):
        for image in images(shape):
            image = image.astype(dtype)
            one = steepest.denoise(
                image, strength, energy, solver=steepest.Solver(tol=1e-4, max_num_iter=500)
            )
            many = steepest.flow(
                image, strength, energy, steps=3, solver=steepest.Solver(tol=1e-3, max_num_iter=200)
            )
            assert agrees(one.status, one.gap <= 1e-4), (one, one.gap)
            assert agrees(many.status, many.gap.max() <= 1e-3), (many, many.gap)
            assert (one.converged, many.converged) == (one.status.converged, many.status.converged)
            weaker |= {one.status, many.status}
    assert weaker <= {Status.CONVERGED, Status.ROUNDING, Status.MAX_ITERATIONS}


def test_rounding_has_a_name_of_its_own_and_is_no_failure() -> None:
    ramp = np.linspace(0, 1, 25).reshape(5, 5).astype(np.float32)
    result = steepest.denoise(
        ramp, 0.1, SecondOrderTotalVariation(), solver=steepest.Solver(raise_on_failure=True)
    )
    assert result.status is Status.ROUNDING
    assert result.gap > 0.5
    assert not result.converged
    assert result.status.ok
    assert "rounding" in str(result.status)


def test_a_certified_accuracy_is_what_has_converged() -> None:
    image = sample()[100:130, 200:230]
    result = steepest.tv_flow(image, 0.2, steps=steepest.Accuracy(db=15))
    assert result.gap.max() > 1e-3
    assert result.status is Status.ACCURACY_MET
    assert result.converged
    assert result.psnr_bound().min() >= 15


@pytest.mark.parametrize("tol", [1e-3, 1e-7])
def test_phases(tol: float) -> None:
    for shape in ((1, 1), (3, 3), (12, 12)):
        phases = RNG.normal(size=shape)
        for energy in (steepest.TotalVariation(), steepest.TotalGeneralisedVariation()):
            solver = steepest.Solver(tol=tol)
            result = manifold.denoise(phases, 0.3, "circle", energy, solver=solver)
            assert agrees(result.status, result.gap <= tol), (result, result.gap)


def test_every_sentence() -> None:
    for status in Status:
        assert status.ok or not status.converged
        assert agrees(status, status.converged)


def test_commands_say_the_same(here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Rounding is told, but it is neither a warning nor a failure."""
    write_image("crop.png", np.ascontiguousarray(sample()[100:132, 100:132]))
    code = main(["decompose", "crop.png", "--json", "--strict"])
    out, err = capsys.readouterr()
    told = json.loads(out)["results"][0]["certificate"]
    assert told["gap"] > 1e-2  # the tolerance of decompositions
    assert not told["converged"]
    assert told["status"] == str(Status.ROUNDING)
    assert (code, err) == (0, "")
