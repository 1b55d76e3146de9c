"""The paper's networks: their trainings, on the command line and resumed."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import CPU, few_generated_images, here, read_log, timeless  # noqa: E402, F401
from experiments.tvflownet.__main__ import main  # noqa: E402
from experiments.tvflownet.networks import PRESETS, PaperConfig, load, train  # noqa: E402
from experiments.tvflownet.networks.training import PaperTask  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.training.task import make_task  # noqa: E402

SMOKE = ["train", "-o", "run", "--preset", "smoke", "--size", "12", "--images", "2"]
PAPER = PRESETS["smoke"].replace(
    network_config={"channels": 4, "depth": 3}, crop=12, images=6, batch=2, epochs=4, times=3
)


def test_the_presets_are_the_recipes():
    paper, report = PRESETS["paper"], PRESETS["report"].recipe
    recipe = paper.recipe
    assert (recipe.num_steps, recipe.learning_rate, recipe.clip) == (468_750, 3e-4, 1)
    assert (paper.network, paper.times, paper.t_max) == ("unet", 50, 0.2)
    assert (report.epochs, report.learning_rate) == (55, 5e-4)


def test_the_first_time_of_every_crop_is_zero():
    for u0, t in make_task(PAPER, CPU, PaperTask).batches:
        assert (u0.shape, t.shape) == ((6, 1, 12, 12), (6,))
        assert t.view(2, 3)[:, 0].tolist() == [0, 0]
        assert float(t.view(2, 3)[:, 1:].min()) > 0
        assert torch.equal(u0[0], u0[2])


def test_training_begins_with_shipped_weights():
    config = PRESETS["smoke"].replace(initial="semi-resnet", learning_rate=1e-30, epochs=1)
    found = train(config, "run").network.state_dict()
    for name, value in load("semi-resnet").state_dict().items():
        assert torch.allclose(found[name], value, rtol=0, atol=1e-20)


def test_options_are_part_of_the_recipe(capsys):
    options = {"tv_term": "mean", "alpha1": 0.1}
    assert main([*SMOKE, "--objective-options", json.dumps(options), "-q"]) == 0
    metadata = json.loads(Path("run/weights.json").read_text())["metadata"]
    config = PaperConfig.from_json(metadata["training"])
    assert config.objective_options == options
    plain = [*SMOKE[:2], "plain", *SMOKE[3:]]
    assert main([*plain, "-q"]) == 0
    assert read_log("run")[0]["total"] != read_log("plain")[0]["total"]
    with pytest.raises(InputError, match="objective_options: "):
        train(config.replace(objective_options={"alpha1": 0.1}), "run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha3": 1}, "the loss has no alpha3; allowed are alpha1, alpha2, eps"),
        ({"alpha1": -1}, "alpha1=-1 must be"),
        ({"tv_term": "max"}, "tv_term='max'; allowed is one of"),
    ],
)
def test_options_that_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        train(PAPER.replace(objective_options=options), "run")
    assert not Path("run").exists()


def test_early_times_come_more_often_with_a_larger_exponent():
    """With exponent 2, half of the times are below a quarter of the last one."""
    config = PaperConfig().replace(times=4001, t_max=0.7, time_exponent=2.0)
    times = config.random_times(np.random.default_rng(0))
    assert times[0] == 0
    assert 0 <= times.min() <= times.max() <= 0.7
    assert np.median(times) == pytest.approx(0.7 / 4, rel=0.05)
    with pytest.raises(InputError, match=r"^time_exponent="):
        config.replace(time_exponent=0.0)
