"""Trainings that cannot start or continue: divergence, old files, damage, options."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file  # noqa: E402

from cases.trainings import GAP, PAPER, few_generated_images, here  # noqa: E402, F401
from steepest import learning  # noqa: E402
from steepest.cli.main import main  # noqa: E402
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.learning.flows import losses, objectives, weights  # noqa: E402
from steepest.learning.flows.training import TrainingConfig, train  # noqa: E402
from steepest.learning.training.log import read_log  # noqa: E402

# ----------------------------------------------------------------------------- divergence


@pytest.fixture
def breaking(monkeypatch):
    """``breaking(step, how)`` is PAPER (three steps per epoch), failing in this step."""

    def make(step, how, **settings):
        seen = []

        def objective(network, u0, t, generator):
            if torch.is_grad_enabled():
                seen.append(len(seen) + 1)
            total = sum(((p - 3) ** 2).sum() for p in network.parameters())
            broken = torch.is_grad_enabled() and seen[-1] == step
            if broken and how == "loss":
                total = total * math.nan
            if broken and how == "weights":  # the loss is finite, its gradient is not
                total = total + (sum(p.sum() for p in network.parameters()) * 0).sqrt()
            return {"total": total}

        monkeypatch.setitem(objectives.OBJECTIVES, "breaking", objective)
        return replace(PAPER, objective="breaking", **settings)

    return make


@pytest.mark.parametrize("how", ["loss", "weights"])
@pytest.mark.parametrize(
    ("step", "minutes", "kept"),
    [(5, 1e-9, 4), (5, 0.0, 3), (6, 1e-9, 5), (6, 1e9, None)],
    ids=["stored every step", "stored every epoch", "last step of an epoch", "never stored"],
)
def test_divergence_keeps_the_checkpoint_and_the_best_weights(breaking, step, how, minutes, kept):
    config = breaking(step, how, checkpoint_minutes=minutes)
    words = "loss is nan" if how == "loss" else r"(weights are not finite|loss is nan)"
    with pytest.raises(NotConverged, match=f"{words} in epoch 2: .*, from epoch 1, are in run"):
        train(config, "run")
    best = learning.load("run/weights")  # which refuses NaN
    whole = train(breaking(0, how, epochs=1), "whole")
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, best.state_dict()[name])
    if kept is None:
        assert not Path("run/checkpoint.json").exists()
        return
    assert json.loads(Path("run/checkpoint.json").read_text())["step"] == kept
    (tensors,) = Path("run").glob("checkpoint-*.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in load_file(tensors).values())
    assert [row["epoch"] for row in read_log(Path("run"))] == [1]
    finished = train(breaking(0, how), "run")  # goes on from what was kept
    assert finished.step == 12


def test_divergence_in_the_first_epoch_leaves_no_weights(breaking):
    with pytest.raises(NotConverged, match="no weights had been validated before"):
        train(breaking(2, "loss", checkpoint_minutes=1e9), "run")
    assert not list(Path("run").glob("weights*"))
    with pytest.raises(NotConverged, match="no weights had been validated before"):
        train(breaking(2, "loss", checkpoint_minutes=1e9), "run")  # a log without rows is no loss


# ----------------------------------------------------------------------------- remains, resuming


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.json", "log.csv"])
def test_remains_of_a_training_are_not_overwritten(name):
    train(replace(PAPER, epochs=1), "whole")
    Path("run").mkdir()
    shutil.copy(f"whole/{name}", "run")
    before = Path(f"run/{name}").read_bytes()
    with pytest.raises(InputError, match=f"run contains {name} of a training, but no checkpoint"):
        train(PAPER, "run", resume=False)
    if name != "log.csv":
        with pytest.raises(InputError, match="no checkpoint"):
            train(PAPER, "run")
    assert [path.name for path in Path("run").iterdir()] == [name]
    assert Path(f"run/{name}").read_bytes() == before


def test_initial_weights_are_not_needed_to_go_on():
    train(replace(PAPER, epochs=1), "first")
    config = replace(PAPER, initial="first/weights", max_minutes=1e-9)
    assert train(config, "run").step == 1
    shutil.rmtree("first")
    assert train(replace(config, max_minutes=None), "run").step == 12
    with pytest.raises(InputError, match=r"first/weights\.json: cannot be read"):
        train(config, "new")


@pytest.mark.parametrize(
    "name", ["config", "tensors", "step", "seconds", "sums", "best_score", "best_epoch"]
)
def test_checkpoints_that_lack_an_entry(name, capsys):
    train(replace(PAPER, epochs=1), "run")
    path = Path("run/checkpoint.json")
    whole = json.loads(path.read_text())
    for document, word in (
        ({key: value for key, value in whole.items() if key != name}, "missing"),
        ({**whole, name: [1]}, "of the wrong type"),
    ):
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match=f"checkpoint.json: damaged, its entry '{name}' is"):
            train(PAPER, "run")
        assert main(["learn", "-o", "run", "--resume"]) == 2
        assert word in capsys.readouterr().err


# ----------------------------------------------------------------------------- options


def batch(config):
    torch.manual_seed(0)
    network = weights.REGISTRY.build(config.network, dict(config.network_config))
    return network, torch.rand(3, 1, 12, 12), torch.tensor([0.0, 0.05, 0.2])


def test_options_are_those_of_the_loss():
    network, u0, t = batch(PAPER)
    options = {"tv_term": "mean", "alpha1": 0.1, "penalty": "norm"}
    found = objectives.find_objective("paper", options)(network, u0, t, None)
    wanted = losses.paper_loss(network, u0, t, **options)
    assert found == wanted
    assert found["total"] != losses.paper_loss(network, u0, t)["total"]
    report = objectives.find_objective("report", {"alpha2": 0.5})(network, u0, t, None)
    assert report == losses.report_loss(network, u0, t, alpha2=0.5)


def test_option_of_the_gap():
    network, u0, t = batch(GAP)
    t = t + 0.1
    with torch.no_grad():  # a flux beyond the unit ball in some chord
        for p in network.parameters():
            p.add_(0.3)
    draw = torch.Generator().manual_seed(1)
    plain = objectives.find_objective("gap", {"excess_weight": 0})(network, u0, t, draw)
    draw.manual_seed(1)
    heavy = objectives.find_objective("gap", {"excess_weight": 50.0})(network, u0, t, draw)
    assert plain["excess"] == heavy["excess"] > 0
    assert heavy["total"] > plain["total"]


@pytest.mark.parametrize(
    ("objective", "options", "words"),
    [
        ("paper", {"alpha3": 1}, "'paper' has no 'alpha3'; allowed are alpha1, alpha2, eps"),
        ("gap", {"alpha1": 1}, "'gap' has no 'alpha1'; allowed are excess_weight$"),
        ("gap", {"generator": 1}, "'gap' has no 'generator'"),
        ("paper", {"alpha1": -1}, "alpha1=-1 must be"),
        ("paper", {"tv_term": "max"}, "tv_term='max'; allowed is one of"),
        ("gap", {"excess_weight": "much"}, "objective_options=.*much"),
    ],
)
def test_options_that_are_refused(objective, options, words):
    config = GAP if objective == "gap" else PAPER
    with pytest.raises(InputError, match=words):
        train(replace(config, objective_options=options), "run")
    assert not Path("run").exists()


def test_options_are_part_of_the_recipe(capsys):
    command = ["learn", "-o", "run", "--preset", "smoke", "--size", "12", "--images", "2"]
    options = {"tv_term": "mean", "alpha1": 0.1}
    assert main([*command, "--objective-options", json.dumps(options), "-q"]) == 0
    metadata = json.loads(Path("run/weights.json").read_text())["metadata"]
    config = TrainingConfig.from_json(metadata["training"])
    assert config.objective_options == options
    plain = [*command[:2], "plain", *command[3:]]
    assert main([*plain, "-q"]) == 0
    assert read_log(Path("run"))[0]["total"] != read_log(Path("plain"))[0]["total"]
    with pytest.raises(InputError, match="objective_options: "):
        train(replace(config, objective_options={"alpha1": 0.1}), "run")
    assert main([*plain, "--objective-options", "[]"]) == 2
    assert "is not a JSON object" in capsys.readouterr().err


@pytest.mark.parametrize("criterion", ["psnr", "certificate"])
def test_one_time_that_is_zero_cannot_be_scored(criterion):
    with pytest.raises(InputError, match=rf"times=1; allowed is 2 or more .*{criterion}"):
        replace(PAPER, times=1, zero_time=True, criterion=criterion)
    assert replace(PAPER, times=1, zero_time=False, criterion=criterion).times == 1
