"""The training loop with a task that is independent of flows: least squares."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch import nn  # noqa: E402

from cases.trainings import ALONE, here  # noqa: E402, F401
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.learning.flows.training import TrainingConfig, train  # noqa: E402
from steepest.learning.training import Recipe, Task, run_training  # noqa: E402
from steepest.learning.training.checkpoint import find_checkpoint, stored_recipe  # noqa: E402
from steepest.learning.training.distributed import Team  # noqa: E402
from steepest.learning.training.learner import share_buffers  # noqa: E402
from steepest.learning.training.log import open_log, read_log  # noqa: E402
from steepest.learning.training.loop import make_network  # noqa: E402
from steepest.learning.training.streams import torch_stream  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class LineRecipe(Recipe):
    """A weight is pulled towards ``slope``; ``windows`` only tests that tuples are restored."""

    CRITERIA: ClassVar[tuple[str, ...]] = ("loss", "distance")
    FREE: ClassVar[tuple[str, ...]] = (*Recipe.FREE, "place")

    slope: float = 2.0
    window: tuple[int, int] = (2, 3)
    place: str = "here"


@dataclass
class Line(Task):
    """Learn y = slope x from new points in every step."""

    recipe: LineRecipe
    device: torch.device
    breaks_at: int = -1
    seen: list = field(default_factory=list)

    def build(self):
        return torch.nn.Linear(1, 1)

    def rehearse(self, network):
        if self.recipe.slope == 0:
            raise InputError("slope=0.0; allowed is anything else")

    def loss(self, network, step, part, images):
        assert network.training
        self.seen.append((step, part, images))
        draws = [torch_stream(self.device, self.recipe.seed, step, i) for i in images]
        x = torch.stack([torch.randn(1, generator=draw) for draw in draws])
        error = (network(x) - self.recipe.slope * x).square().mean()
        factor = math.nan if step == self.breaks_at else 1.0
        return {"total": error * factor, "error": error}

    def validate(self, network):
        assert not network.training
        distance = abs(float(network.weight.detach()) - self.recipe.slope)
        return {"score": distance, "bias": float(network.bias.detach())}

    def validation_names(self, terms):
        assert list(terms) == ["total", "error"]
        return "score", "bias"

    def save(self, network, path, metadata):
        save_file(network.state_dict(), f"{path}.safetensors")
        Path(f"{path}.json").write_text(json.dumps({**metadata, "data": "none"}))

    def hint(self, network):
        return "the points are too far apart: set place" if self.recipe.place == "far" else ""


RECIPE = LineRecipe(images=8, epochs=6, batch=4, learning_rate=0.2, criterion="distance")


def make(recipe, team):
    return Line(recipe, team.device)


def learn(recipe=RECIPE, folder="run", make_task=make, **options):
    return run_training(recipe, folder, make_task, **options)


def test_any_task_is_trained():
    result = learn(replace(RECIPE, epochs=60, schedule="cosine"))
    assert float(result.network.weight.detach()) == pytest.approx(2, abs=0.02)
    assert float(result.network.bias.detach()) == pytest.approx(0, abs=0.02)
    assert not result.network.training
    assert result.best_score == min(row["validation_score"] for row in result.history)
    saved = load_file(result.path)
    assert torch.equal(saved["weight"], result.network.weight)
    assert result.best_score == abs(float(saved["weight"]) - 2)
    metadata = json.loads(Path("run/weights.json").read_text())
    assert LineRecipe.from_json(metadata["training"]) == result.config
    assert metadata["data"] == "none"
    assert (result.step, metadata["steps"], result.stopped) == (120, 120, "finished")


def test_every_image_of_every_step_is_seen_once():
    tasks = []

    def watched(recipe, team):
        tasks.append(make(recipe, team))
        return tasks[-1]

    learn(replace(RECIPE, images=10, epochs=2, parts=2), make_task=watched)
    parts = [(0, range(0, 2)), (1, range(2, 4))]
    assert tasks[0].seen == [(step, *part) for step in range(6) for part in parts]


def test_resumed_bit_for_bit():
    whole = learn(folder="whole")
    part = learn(replace(RECIPE, max_minutes=1e-9))
    assert (part.stopped, part.step) == ("time", 1)
    rest = learn()
    assert rest.stopped == "finished"
    assert Path("run/weights.safetensors").read_bytes() == whole.path.read_bytes()
    for mine, theirs in zip(rest.history, whole.history, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}


def test_names_of_validation_are_columns_before_the_first_one():
    learn(replace(RECIPE, validate_every=4))
    rows = read_log(Path("run"))
    assert ["validation_bias" in row for row in rows] == [False, False, False, True, False, True]
    header = Path("run/log.csv").read_text().splitlines()[0]
    wanted = "epoch,step,learning_rate,total,error,gradient,validation_score,validation_bias"
    assert header == f"{wanted},seconds"


@pytest.mark.parametrize(
    ("place", "hint"), [("far", "the points are too far apart: set place; "), ("here", "")]
)
def test_divergence_says_first_what_the_task_knows(place, hint):
    def breaking(recipe, team):
        return Line(recipe, team.device, breaks_at=5)

    with pytest.raises(NotConverged) as error:
        learn(replace(RECIPE, place=place), make_task=breaking)
    advice = f"{hint}try a smaller learning rate than 0.2; the best weights so far, from epoch"
    assert str(error.value).startswith(f"the loss is nan in epoch 3: {advice}")


def test_nothing_is_written_when_the_rehearsal_fails():
    with pytest.raises(InputError, match=r"^slope=0\.0"):
        learn(replace(RECIPE, slope=0.0))
    assert not Path("run").exists()


def test_recipes_of_ones_own():
    found = LineRecipe.from_json(json.loads(json.dumps(RECIPE.as_json())))
    assert found == RECIPE
    assert found.window == (2, 3)
    assert RECIPE.differences(replace(RECIPE, place="there", device="cpu")) == []
    assert RECIPE.differences(replace(RECIPE, slope=1.0)) == ["slope: 2.0, not 1.0"]
    assert (RECIPE.steps_per_epoch, RECIPE.num_steps) == (2, 12)
    with pytest.raises(InputError, match=r"^criterion='psnr'; allowed is one of loss, distance$"):
        replace(RECIPE, criterion="psnr")
    with pytest.raises(InputError, match=r"^criterion='distance'; allowed is one of loss$"):
        Recipe(images=1, epochs=1, criterion="distance")


def test_trainings_of_another_kind_are_not_resumed():
    learn(replace(RECIPE, max_minutes=1e-9))
    assert stored_recipe(Path("run"), LineRecipe).slope == 2
    for attempt in (
        lambda: stored_recipe(Path("run"), TrainingConfig),
        lambda: train(TrainingConfig(network="semi-resnet"), "run"),
    ):
        with pytest.raises(InputError, match="unknown training settings: place, slope"):
            attempt()
    with pytest.raises(InputError, match=r"has other settings \(slope: 3\.0, not 2\.0"):
        find_checkpoint(Path("run"), replace(RECIPE, slope=3.0), True)


def test_a_seed_is_a_network_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    one, same, other = (
        make_network(make(recipe, ALONE), recipe, ALONE.device, begin=True)
        for recipe in (RECIPE, RECIPE, replace(RECIPE, seed=1))
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)


# ------------------------------------------------------------------------- several processes


class _Pair(Team):
    """Two processes, of which the other one has zeros."""

    def add_up(self, tensors):
        pass


def test_running_statistics_are_averaged_over_processes():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    network(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    share_buffers(network, _Pair(0, 2, torch.device("cpu")))
    for name, value in network.state_dict().items():
        share = 0.5 if "running" in name else 1.0  # parameters have their gradients in common
        assert torch.equal(value, (before[name] * share).to(value.dtype))


def test_numbers_of_numpy_are_logged_as_numbers(tmp_path):
    with open_log(tmp_path) as log:
        log.add({"epoch": 1, "score": np.float64(0.1), "dice": float("nan")})
    assert read_log(tmp_path) == [{"epoch": 1.0, "score": 0.1}]


def test_text_is_no_number():
    with pytest.raises(InputError, match="learning_rate='1e-3'; allowed is a number"):
        replace(RECIPE, learning_rate="1e-3")
