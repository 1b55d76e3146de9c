"""Trainings that cannot start or continue: divergence, remains of other trainings."""

import math
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import PLAIN, few_generated_images, here, read_log  # noqa: E402, F401
from steepest import learning  # noqa: E402
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.learning.flows.training import train  # noqa: E402
from steepest.learning.flows.training.task import FlowTask  # noqa: E402

# ----------------------------------------------------------------------------- divergence


@pytest.fixture
def breaking(monkeypatch):
    """``breaking(step, how)`` is PLAIN (three steps per epoch), failing in this step."""

    def make(step, how, **settings):
        seen = []

        def objective(task, network, u0, t, generator):
            if torch.is_grad_enabled():
                seen.append(len(seen) + 1)
            total = sum(((p - 3) ** 2).sum() for p in network.parameters())
            broken = torch.is_grad_enabled() and seen[-1] == step
            if broken and how == "loss":
                total = total * math.nan
            if broken and how == "weights":  # the loss is finite, its gradient is not
                total = total + (sum(p.sum() for p in network.parameters()) * 0).sqrt()
            return {"total": total}

        monkeypatch.setattr(FlowTask, "objective", objective)
        return PLAIN.replace(**settings)

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
    train(PLAIN.replace(epochs=1), "whole")
    Path("run").mkdir()
    shutil.copy(f"whole/{name}", "run")
    before = Path(f"run/{name}").read_bytes()
    with pytest.raises(InputError, match=f"run contains {name} but no checkpoint"):
        train(PLAIN, "run")
    assert [path.name for path in Path("run").iterdir()] == [name]
    assert Path(f"run/{name}").read_bytes() == before


def test_initial_weights_are_not_needed_to_go_on():
    train(PLAIN.replace(epochs=1), "first")
    config = PLAIN.replace(initial="first/weights")
    assert train(config, "run", max_minutes=1e-9).step == 1
    shutil.rmtree("first")
    assert train(config, "run").step == 12
    with pytest.raises(InputError, match=r"first/weights\.json: cannot be read"):
        train(config, "new")
