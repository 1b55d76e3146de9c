"""`Accuracy`: what it takes is known beforehand, refused where it is too much, and told of."""

import re
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.cli.main import main
from steepest.io import sample

IMAGE = np.ascontiguousarray(sample()[100:148, 200:248])
CHOOSING, FLOWING = "choosing the time steps", "flow"


@pytest.mark.parametrize("accuracy", [50, 65, 80])
def test_the_estimate_is_within_a_factor_of_two(accuracy: float) -> None:
    with pytest.raises(steepest.TooManySteps) as caught:
        steepest.tv_flow(IMAGE, [0.05, 0.2], steps=steepest.Accuracy(db=accuracy, max_num_steps=5))
    result = steepest.tv_flow(IMAGE, [0.05, 0.2], steps=steepest.Accuracy(db=accuracy))
    assert result.converged
    assert result.num_steps / 2 <= caught.value.num_steps <= 2 * result.num_steps


def test_the_accuracy_that_is_offered_instead_can_be_had() -> None:
    with pytest.raises(steepest.TooManySteps) as caught:
        steepest.tv_flow(IMAGE, 0.2, steps=steepest.Accuracy(db=90, max_num_steps=100))
    offered = np.floor(90 - caught.value.loss)
    result = steepest.tv_flow(IMAGE, 0.2, steps=steepest.Accuracy(db=offered, max_num_steps=100))
    assert result.num_steps <= 100
    assert result.psnr_bound()[0] >= offered > 40


def test_too_many_steps_are_refused_after_the_pilot() -> None:
    steps: list[Any] = []
    with pytest.raises(steepest.InputError, match="max_num_steps=20000"):
        steepest.tv_flow(IMAGE, 0.2, steps=steepest.Accuracy(db=200), on_step=steps.append)
    assert {step.stage for step in steps} == {CHOOSING}
    assert len(steps) < 50


def test_float32_is_computed_in_float64_where_it_has_to_be() -> None:
    image = np.float32(IMAGE / 255)
    result = steepest.tv_flow(image, 0.1, steps=steepest.Accuracy(db=85, data_range=1.0))
    assert result.converged
    assert result.psnr_bound()[0] >= 85
    assert result.images.dtype == np.float32


def test_the_pilot_is_told_of_and_can_be_stopped() -> None:
    steps: list[Any] = []
    times = [0.001, 0.2]
    steepest.tv_flow(IMAGE, times, steps=steepest.Accuracy(db=50), on_step=steps.append)
    stages = [step.stage for step in steps]
    pilot = stages.index(FLOWING)
    assert set(stages[:pilot]) == {CHOOSING}
    assert set(stages[pilot:]) == {FLOWING}
    assert {step.num_steps for step in steps[:pilot]} == {pilot}
    assert {step.num_steps for step in steps[pilot:]} == {len(steps)}
    for last in (1, pilot - 1, pilot):
        stopped = steepest.tv_flow(
            IMAGE, times, steps=steepest.Accuracy(db=50), on_step=lambda s, n=last: s.step == n
        )
        assert stopped.status is steepest.Status.STOPPED
        assert stopped.times[-1] == pytest.approx(steps[last - 1].time)
        assert (0.001 in stopped.times) == (stopped.times[-1] >= 0.001)
        assert np.isfinite(stopped.error_bound).all()


def test_channels_stopped_in_the_pilot_of_one_all_end_there() -> None:
    colour = sample("coffee")[100:132, 180:212]
    result = steepest.flow(
        colour,
        0.2,
        steepest.TotalVariation(coupled=False),
        steps=steepest.Accuracy(db=70),
        channel_axis=-1,
        on_step=lambda step: step.step == 3,
    )
    assert result.status is steepest.Status.STOPPED
    assert result.images.shape == (1, *colour.shape)
    assert result.num_steps < 60


def test_the_command_says_what_it_would_take(capsys: pytest.CaptureFixture[str], here: Any) -> None:
    command = ["flow", "sample:camera", "--times", "0.2", "-o", "out.png", "--accuracy"]
    assert main([*command, "100"]) == 2
    error = capsys.readouterr().err
    assert re.search(r"needs about [\d,]+ time steps, about \d+ \w+ on this machine", error)
    assert "more than --max-steps 20000; try --accuracy 8" in error
    assert error.count("\n") == 1
    assert main([*command, "60", "--max-steps", "50"]) == 2
    assert "or allow more with --max-steps" in capsys.readouterr().err
    assert main([*command, "500"]) == 2
    assert "0 to 300" in capsys.readouterr().err
    assert main(["flow", "sample:camera", "--times", "0.2", "--max-steps", "5"]) == 2
    assert "--accuracy" in capsys.readouterr().err


def test_a_tolerance_beside_an_accuracy_is_refused_by_name() -> None:
    """Even where it is the default: whoever gives it expects an effect."""
    solver = steepest.Solver(tol=1e-3)
    begun = steepest.tv_flow(IMAGE, 0.1, steps=2)
    for goal in (steepest.Accuracy(db=40), steepest.Accuracy(error=1.0)):
        for run in (
            lambda goal: steepest.flow(IMAGE, 0.1, steps=goal, solver=solver),
            lambda goal: begun.continue_to(0.2, steps=goal, solver=solver),
        ):
            with pytest.raises(steepest.InputError, match=r"tol=0\.001"):
                run(goal)


def test_an_accuracy_is_one_number() -> None:
    for wrong in ({}, {"db": 40, "error": 1.0}, {"db": -1}, {"db": 500}, {"error": 0.0}):
        with pytest.raises(steepest.InputError, match=r"db|error"):
            steepest.Accuracy(**wrong)


def test_the_command_refuses_them_too(photo: np.ndarray, capsys: Any) -> None:
    for option in (["--steps", "9"], ["--grid", "log"], ["--tol", "1e-3"]):
        assert main(["flow", "photo.png", "--times", "0.1", "--accuracy", "40", *option]) == 2
        assert option[0] in capsys.readouterr().err
