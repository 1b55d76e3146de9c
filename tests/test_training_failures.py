"""Trainings that cannot start or continue: divergence, old files, damage, options."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import GAP, PAPER, few_generated_images, here, read_log  # noqa: E402, F401
from steepest import learning  # noqa: E402
from steepest.cli.main import main  # noqa: E402
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.learning.flows import losses, objectives, weights  # noqa: E402
from steepest.learning.flows.training import TrainingConfig, train  # noqa: E402

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
        return PAPER.replace(objective="breaking", **settings)

    return make


@pytest.mark.parametrize("how", ["loss", "weights"])
@pytest.mark.parametrize("step", [5, 6], ids=["within an epoch", "at its end"])
@pytest.mark.parametrize("minutes", [0.0, 1e9], ids=["stored every step", "never stored"])
def test_divergence_keeps_the_checkpoint_and_the_best_weights(breaking, step, how, minutes):
    words = "loss is nan" if how == "loss" else r"(weights are not finite|loss is nan)"
    with pytest.raises(NotConverged, match=f"{words} in epoch 2: .*, from epoch 1, are kept"):
        train(breaking(step, how), "run", checkpoint_minutes=minutes)
    best = learning.load("run/weights")  # which refuses NaN
    whole = train(breaking(0, how, epochs=1), "whole")
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, best.state_dict()[name])
    assert [row["epoch"] for row in read_log("run")] == [1]
    if minutes:
        assert not Path("run/checkpoint.safetensors").exists()
        return
    first: list[int] = []
    finished = train(breaking(0, how), "run", on_step=lambda moment: first.append(moment.step))
    assert (first[0], finished.step) == (step, 12)  # goes on from what was kept
    assert torch.isfinite(torch.cat([p.flatten() for p in finished.network.parameters()])).all()


def test_divergence_in_the_first_epoch_leaves_nothing(breaking):
    with pytest.raises(NotConverged, match="no weights had been validated before"):
        train(breaking(2, "loss"), "run")
    assert not Path("run").exists()


# ----------------------------------------------------------------------------- remains, resuming


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.json"])
def test_weights_of_a_training_are_not_overwritten(name):
    train(PAPER.replace(epochs=1), "whole")
    Path("run").mkdir()
    shutil.copy(f"whole/{name}", "run")
    before = Path(f"run/{name}").read_bytes()
    with pytest.raises(InputError, match=f"run contains {name} but no checkpoint"):
        train(PAPER, "run")
    assert [path.name for path in Path("run").iterdir()] == [name]
    assert Path(f"run/{name}").read_bytes() == before


def test_initial_weights_are_not_needed_to_go_on():
    train(PAPER.replace(epochs=1), "first")
    config = PAPER.replace(initial="first/weights")
    assert train(config, "run", max_minutes=1e-9).step == 1
    shutil.rmtree("first")
    assert train(config, "run").step == 12
    with pytest.raises(InputError, match=r"first/weights\.json: cannot be read"):
        train(config, "new")


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
        ("gap", {"excess_weight": "much"}, "excess_weight='much' is not a number"),
    ],
)
def test_options_that_are_refused(objective, options, words):
    config = GAP if objective == "gap" else PAPER
    with pytest.raises(InputError, match=words):
        train(config.replace(objective_options=options), "run")
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
    assert read_log("run")[0]["total"] != read_log("plain")[0]["total"]
    with pytest.raises(InputError, match="objective_options: "):
        train(config.replace(objective_options={"alpha1": 0.1}), "run")
    assert main([*plain, "--objective-options", "[]"]) == 2
    assert "is not a JSON object" in capsys.readouterr().err
