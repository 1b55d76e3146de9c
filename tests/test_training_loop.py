"""The training loop with a task that is independent of flows: least squares."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file  # noqa: E402

from cases.trainings import CPU, here, read_log  # noqa: E402, F401
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.learning.flows.training import TrainingConfig, train  # noqa: E402
from steepest.learning.training import Recipe, Settings, Task, run_training  # noqa: E402
from steepest.learning.training.files import can_resume, read_settings  # noqa: E402
from steepest.learning.training.learner import Learner  # noqa: E402
from steepest.learning.training.streams import torch_stream  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class LineConfig(Settings):
    """A weight is pulled towards ``slope``; ``window`` only tests that tuples are restored."""

    FREE: ClassVar[tuple[str, ...]] = ("place",)

    slope: float = 2.0
    window: tuple[int, int] = (2, 3)
    place: str = "here"


@dataclass
class Line(Task):
    """Learn y = slope x from new points in every step."""

    config: LineConfig
    breaks_at: int = -1
    steps: list = field(default_factory=list)

    def build(self):
        return torch.nn.Linear(1, 1)

    def prepare(self, network, *, begin):
        if self.config.slope == 0:
            raise InputError("slope=0.0; allowed is anything else")
        return network

    def loss(self, network, step):
        assert network.training
        self.steps.append(step)
        recipe = self.config.recipe
        draws = [torch_stream(CPU, recipe.seed, step, i) for i in range(recipe.batch)]
        x = torch.stack([torch.randn(1, generator=draw) for draw in draws])
        x = x * torch.bernoulli(torch.full_like(x, 0.9))  # torch's global random numbers
        error = (network(x) - self.config.slope * x).square().mean()
        factor = math.nan if step == self.breaks_at else 1.0
        return {"total": error * factor, "error": error}

    def validate(self, network):
        assert not network.training
        distance = abs(float(network.weight.detach()) - self.config.slope)
        return {"score": distance, "bias": np.float32(network.bias.item()), "none": math.nan}

    def save(self, network, path, metadata):
        save_file(network.state_dict(), f"{path}.safetensors")
        Path(f"{path}.json").write_text(json.dumps({**metadata, "data": "none"}))


RECIPE = LineConfig(recipe=Recipe(images=8, epochs=6, batch=4, learning_rate=0.2))


def make(config, device):
    return Line(config)


def learn(config=RECIPE, folder="run", make_task=make, **options):
    return run_training(config, folder, make_task, **options)


def test_any_task_is_trained():
    result = learn(RECIPE.replace(epochs=60, schedule="cosine"))
    assert float(result.network.weight.detach()) == pytest.approx(2, abs=0.02)
    assert float(result.network.bias.detach()) == pytest.approx(0, abs=0.02)
    assert not result.network.training
    assert result.best_score == min(row["validation_score"] for row in result.history)
    saved = load_file(result.path)
    assert torch.equal(saved["weight"], result.network.weight)
    assert result.best_score == abs(float(saved["weight"]) - 2)
    metadata = json.loads(Path("run/weights.json").read_text())
    assert LineConfig.from_json(metadata["training"]) == result.config
    assert metadata["data"] == "none"
    assert (result.step, metadata["steps"], result.stopped) == (120, 120, "finished")


def test_every_step_is_taken_once_and_resumed_bit_for_bit():
    whole, tasks = learn(folder="whole"), []

    def watched(config, device):
        tasks.append(make(config, device))
        return tasks[-1]

    random = torch.random.get_rng_state()
    stopped = ""
    while stopped != "finished":
        rest = learn(make_task=watched, max_minutes=1e-9)
        stopped = rest.stopped
        assert stopped in ("time", "finished")
    assert [task.steps for task in tasks] == [[step] for step in range(12)]
    assert torch.equal(torch.random.get_rng_state(), random)
    assert Path("run/weights.safetensors").read_bytes() == whole.path.read_bytes()
    for mine, theirs in zip(rest.history, whole.history, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
        assert list(mine) == list(theirs)


def test_checkpoints_at_an_interval_survive_a_kill(monkeypatch):
    """The clock goes a minute a step; the process ends in step 8 without a chance to write."""
    now, kept = [0.0], []
    monkeypatch.setattr("steepest.learning.training.loop.time.monotonic", lambda: 60 * now[0])

    class Kill(BaseException):
        pass

    def tick(moment):
        now[0] += 1
        path = Path("run/checkpoint.safetensors")
        kept.append(path.read_bytes() if path.exists() else b"")
        if moment.step == 8:
            raise Kill

    with pytest.raises(Kill):
        learn(checkpoint_minutes=3, on_step=tick)
    changed = [step for step in range(1, 8) if kept[step] != kept[step - 1]]
    assert changed == [3, 6]  # seen by the callback of the step after
    assert Path("run/log.csv").read_text().count("\n") == 5  # up to step 8: ahead of the checkpoint
    learn()
    learn(folder="whole")
    assert Path("run/weights.safetensors").read_bytes() == (
        Path("whole/weights.safetensors").read_bytes()
    )
    assert [row["step"] for row in read_log("run")] == [2, 4, 6, 8, 10, 12]


def test_names_of_validation_are_columns_and_unknown_numbers_are_empty():
    learn(RECIPE.replace(validate_every=4))
    rows = read_log("run")
    assert ["validation_bias" in row for row in rows] == [False, False, False, True, False, True]
    header = Path("run/log.csv").read_text().splitlines()[0]
    wanted = "epoch,step,seconds,learning_rate,total,error,gradient,validation_score"
    assert header == f"{wanted},validation_bias"


def test_divergence_is_said_and_the_best_weights_are_kept():
    def breaking(config, device):
        return Line(config, breaks_at=5)

    words = "the loss is nan in epoch 3: try a smaller learning rate than 0.2; the best weights so"
    with pytest.raises(NotConverged, match=words):
        learn(make_task=breaking)
    assert Path("run/weights.safetensors").exists()


def test_nothing_is_written_when_a_setting_is_refused():
    with pytest.raises(InputError, match=r"^slope=0\.0"):
        learn(RECIPE.replace(slope=0.0))
    for name, value in {"max_minutes": 0, "checkpoint_minutes": math.nan, "on_step": 3}.items():
        with pytest.raises(InputError, match=f"^{name}="):
            learn(**{name: value})
    assert not Path("run").exists()


def test_settings_of_ones_own():
    found = LineConfig.from_json(json.loads(json.dumps(RECIPE.as_json())))
    assert found == RECIPE
    assert found.window == (2, 3)
    assert RECIPE.differences(RECIPE.replace(place="there", epochs=9)) == []
    assert RECIPE.differences(RECIPE.replace(slope=1.0)) == ["slope: 2.0, not 1.0"]
    cosine = RECIPE.replace(schedule="cosine")
    assert cosine.differences(cosine.replace(epochs=9)) == ["epochs: 6, not 9"]
    assert (RECIPE.recipe.steps_per_epoch, RECIPE.recipe.num_steps) == (2, 12)
    assert RECIPE.replace(recipe=Recipe(images=3, epochs=1), batch=2).recipe.num_steps == 2


def test_trainings_of_another_kind_are_not_resumed():
    learn(max_minutes=1e-9)
    assert read_settings(Path("run"), LineConfig).slope == 2
    for attempt in (
        lambda: read_settings(Path("run"), TrainingConfig),
        lambda: train(TrainingConfig(), "run"),
    ):
        with pytest.raises(InputError, match="unknown training settings: place, slope"):
            attempt()
    with pytest.raises(InputError, match=r"has other settings \(slope: 3\.0, not 2\.0"):
        can_resume(Path("run"), RECIPE.replace(slope=3.0))


def test_a_seed_is_a_network_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    one, same, other = (
        Learner(config, make(config, CPU), CPU, begin=True).network
        for config in (RECIPE, RECIPE, RECIPE.replace(seed=1))
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)
