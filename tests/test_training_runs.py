"""Training: whole trainings, resuming, the command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load, save_file  # noqa: E402

import steepest  # noqa: E402
from cases.trainings import (  # noqa: E402
    CPU,
    ELSEWHERE,
    GAP,
    PLAIN,
    few_generated_images,  # noqa: F401
    here,  # noqa: F401
    timeless,
)
from steepest import learning  # noqa: E402
from steepest.cli.main import main  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.training import TrainingConfig, train  # noqa: E402
from steepest.learning.flows.training.task import make_task  # noqa: E402

# ----------------------------------------------------------------------------- whole trainings

RECIPES = {"plain": PLAIN, "gap": GAP}


def checkpoint(folder):
    """Header and tensors of the checkpoint."""
    path = Path(folder) / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        header = {name: json.loads(text) for name, text in file.metadata().items()}
    return header, load(path.read_bytes())


def contents(folder):
    """What must not depend on interruptions: weights, checkpoint, and log without times."""
    header, tensors = checkpoint(folder)
    numbers = {k: v for k, v in header["numbers"].items() if k not in ("seconds", "history")}
    bits = {name: value.numpy().tobytes() for name, value in tensors.items()}
    return (Path(folder) / "weights.safetensors").read_bytes(), numbers, bits, timeless(folder)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Trainings without interruption: plain, and with all that a recipe can add."""
    found = {}
    for name, config in RECIPES.items():
        folder = tmp_path_factory.mktemp(name)
        found[name] = (folder, train(config, folder))
    return found


@pytest.mark.parametrize("step", [5, 6])
def test_resumed_bit_for_bit_after_an_interrupt(step, straight):
    before = signal.getsignal(signal.SIGINT)

    def interrupt(moment):
        if moment.step == step:  # within the second epoch, and at its end
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(GAP, "run", on_step=interrupt)
    assert checkpoint("run")[0]["numbers"]["step"] == step
    assert signal.getsignal(signal.SIGINT) is before
    assert isinstance(learning.load("run/weights"), torch.nn.Module)
    result = train(GAP, "run")
    assert result.stopped == "finished"
    assert contents("run") == contents(straight["gap"][0])


def test_time_is_up_and_more_epochs_later(straight):
    short = PLAIN.replace(epochs=2)
    first = train(short, "run", max_minutes=1e-9)
    assert (first.stopped, first.step) == ("time", 1)
    second = train(short, "run")
    assert (second.stopped, second.step) == ("finished", 6)
    third = train(PLAIN, "run")  # a constant rate does not know how long the training will be
    assert third.step == 12
    assert contents("run") == contents(straight["plain"][0])
    again = train(PLAIN, "run")  # nothing is left to do
    assert again.best_score == third.best_score
    assert contents("run") == contents(straight["plain"][0])


def test_another_training_may_begin_where_one_ended(straight):
    """With a tiny learning rate the weights stay at the initial ones."""
    begun = straight["plain"][0] / "weights"
    config = PLAIN.replace(initial=str(begun), epochs=1, learning_rate=1e-30)
    shipped = config.replace(initial="mean-flux", network_config={}, images=1)
    for start, folder in ((config, "run"), (shipped, "shipped")):
        found = train(start, folder).network.state_dict()
        for name, value in learning.load(start.initial).state_dict().items():
            assert torch.allclose(found[name], value, rtol=0, atol=1e-20)
    with pytest.raises(InputError, match="initial="):
        train(config.replace(network_config={"stages": 3}), "other")


@pytest.mark.parametrize("kind", RECIPES)
def test_what_a_training_leaves(kind, straight):
    folder, result = straight[kind]
    network = learning.load(folder / "weights")
    for name, value in result.network.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])
    scores = [row["validation_score"] for row in result.history]
    assert result.best_score == min(scores)
    assert result.best_epoch == 1 + int(np.argmin(scores))
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4]
    assert [row["step"] for row in result.history] == [3, 6, 9, 12]
    metadata = json.loads((folder / "weights.json").read_text())["metadata"]
    assert TrainingConfig.from_json(metadata["training"]) == result.config
    assert metadata["steps"] == 12
    assert metadata["steepest"] == steepest.__version__
    assert "generated" in metadata["data"]
    names = {"checkpoint.safetensors", "log.csv", "weights.json", "weights.safetensors"}
    assert set(os.listdir(folder)) == names


def test_the_kept_network_has_the_best_score(straight):
    folder, result = straight["gap"]  # an average of weights, validated as such
    found = make_task(result.config, CPU).validate(learning.load(folder / "weights"))
    assert found["score"] == pytest.approx(result.best_score, rel=1e-5)


def test_what_cannot_be_resumed():
    train(PLAIN.replace(epochs=1), "run")
    with pytest.raises(InputError, match="seed: 3, not 0"):
        train(PLAIN.replace(seed=3), "run")
    Path("file").write_text("")
    with pytest.raises(InputError, match="file: is a file"):
        train(PLAIN, "file")


@pytest.mark.parametrize("how", ["cut short", "no header", "no numbers", "a pickle", "a tensor"])
def test_checkpoints_that_are_damaged(how, capsys):
    train(PLAIN.replace(epochs=1), "run")
    path = Path("run/checkpoint.safetensors")
    header, tensors = checkpoint("run")
    if how == "cut short":
        path.write_bytes(path.read_bytes()[:-7])
    elif how == "no header":
        save_file(tensors, path)
    elif how == "no numbers":
        save_file(tensors, path, {"config": json.dumps(header["config"]), "numbers": "{}"})
    elif how == "a pickle":
        torch.save(tensors, path)
    else:
        tensors.pop("network.stages.0.enter.weight")
        save_file(tensors, path, {name: json.dumps(value) for name, value in header.items()})
    with pytest.raises(InputError, match=r"run/checkpoint.safetensors: damaged"):
        train(PLAIN, "run")
    assert main(["learn", "-o", "run", "--resume"]) == 2
    assert "checkpoint.safetensors: damaged" in capsys.readouterr().err


# ----------------------------------------------------------------------------- the command

TINY = '{"channels": [4, 4, 4], "stages": 1}'
SMOKE = ["learn", "-o", "run", "generated", "--network-config", TINY, "--size", "12"]
SMOKE += ["--images", "2", "--epochs", "2", "--batch", "1", "--validate-every", "1"]


def test_learn_writes_weights_and_says_so(capsys):
    assert main([*SMOKE, "--seed", "0"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "epoch 2/2" in out
    assert "4 of 4 steps" in out
    assert "run/weights.safetensors" in out
    u0 = torch.rand(1, 1, 12, 12)
    u, flux = learning.load("run/weights.safetensors")(u0, torch.tensor([0.1]))
    assert u.shape == u0.shape
    assert flux.shape == (1, 2, 12, 12)


def test_learn_resumes_with_the_stored_recipe(capsys):
    assert main([*SMOKE, "--max-minutes", "1e-9", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["stopped"], first["steps"]) == ("time", 1)
    assert main(["learn", "-o", "run", "--resume", "--max-minutes", "9", "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (second["stopped"], second["steps"], second["num_steps"]) == ("finished", 4, 4)
    assert main([*SMOKE[:2], "other", *SMOKE[3:], "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert contents("run") == contents("other")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "new", "--resume"], "new: holds no training"),
        (["nowhere", "-o", "new"], "no such folder"),
        (["-o", "new", "--network-config", '{"width": 3}'], "no arguments width"),
        (["-o", "new", "--network-config", "3"], "is not a JSON object"),
        (["-o", "new", "--size", "64,32"], "crop=(64, 32)"),
        (["-o", "new", "--size", "1"], "must be a size from 2"),
        (["-o", "new", "--device", "abacus"], "device='abacus' cannot be used"),
        (["generated", "-o", "file"], "file: is a file"),
        ([], "--output"),
    ],
)
def test_learn_refuses_in_one_line(options, words, capsys):
    Path("file").write_text("")
    assert main(["learn", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("steepest: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("new").exists()


def test_learn_says_how_to_go_on_after_ctrl_c(capsys, monkeypatch):
    from steepest.learning.flows import training

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    assert main(SMOKE) == 130
    assert "--resume" not in capsys.readouterr().err  # there is no checkpoint yet
    Path("run").mkdir()
    Path("run/checkpoint.safetensors").touch()
    assert main(SMOKE) == 130
    assert "go on with: steepest learn -o run --resume" in capsys.readouterr().err


def test_stopped_before_the_first_validation_there_are_no_weights(straight):
    config = PLAIN.replace(validate_every=2)
    first = train(config, "run", on_step=lambda moment: moment.step == 4)
    assert (first.stopped, first.best_epoch) == ("callback", 0)
    assert not first.path.exists()
    assert set(os.listdir("run")) == {"checkpoint.safetensors", "log.csv"}
    second = train(config, "run", on_step=lambda moment: moment.step == 6)
    assert second.best_epoch == 2
    assert isinstance(learning.load(second.path), torch.nn.Module)
    train(config, "run")
    train(config, "straight")
    assert contents("run") == contents("straight")


def test_an_error_in_the_first_step_leaves_no_folder():
    def crash(moment: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(PLAIN, "deep/run", on_step=crash)
    assert not Path("deep/run").exists()
    Path("mine").mkdir()
    with pytest.raises(ZeroDivisionError):
        train(PLAIN, "mine", on_step=crash)
    assert Path("mine").is_dir()


def test_learn_says_that_nothing_was_validated_yet(capsys):
    short = ["--validate-every", "2", "--max-minutes", "1e-6"]
    assert main([*SMOKE, *short]) == 0
    out = capsys.readouterr().out
    assert "no weights" in out
    assert "before the first validation" in out
    assert "run/weights" not in out
    assert "inf" not in out
    assert main([*SMOKE, *short, "--resume", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["weights"] is document["best_score"] is None
    assert main(["learn", "-o", "run", "--resume", "--max-minutes", "5"]) == 0
    assert Path("run/weights.safetensors").exists()


def test_commands_start_without_torch():
    code = "import sys, steepest.cli.main as m; m.make_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ELSEWHERE).returncode == 0
