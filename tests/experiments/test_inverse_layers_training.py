"""Trainings of segmentation networks: samples, the layer, errors, resuming."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.cells import VALUES, write, write_cells  # noqa: E402
from cases.trainings import CPU, timeless  # noqa: E402
from experiments.inverse_layers import (  # noqa: E402
    LabelNoise,
    SegmentationConfig,
    SegmentationUNet,
    confusion,
    fit_size,
    load,
    make_layer,
    open_pairs,
    predict,
    scores,
    split,
    train,
)
from experiments.inverse_layers.batches import draw  # noqa: E402
from experiments.inverse_layers.losses import cross_entropy  # noqa: E402
from experiments.inverse_layers.presets import PRESETS  # noqa: E402
from experiments.inverse_layers.task import SegmentationTask, make_task, open_split  # noqa: E402
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.layers import InverseHeat, StabilityWarning, inverse_layers  # noqa: E402
from steepest.learning.training.learner import Learner  # noqa: E402

CELLS = SegmentationConfig(
    data="images",
    masks="masks",
    num_validation=2,
    size=(16, 16),
    network_config={"base": 2, "depth": 2},
).replace(epochs=2, batch=2, learning_rate=1e-2)
HEAT = {"evolution": "heat", "steps": 20, "dt": 0.025}
UNSTABLE = {"preset": "paper-wbc"}
WHOLE = {"size": (24, 24), "fit": "resize"}  # every image as it is


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six images of cells in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_cells(".")


def task_of(**settings: Any) -> SegmentationTask:
    """The task that `train` makes of `CELLS` with these settings."""
    config = CELLS.replace(**settings)
    pairs = open_split(config)
    return make_task(config.replace(images=len(pairs[0])), CPU, pairs)


def trained(task: SegmentationTask) -> Any:
    return Learner(task.config, task, CPU, begin=True).network


# ----------------------------------------------------------------------------- whole trainings


RICH = {
    "layer": {"evolution": "total-variation", "steps": 2, "dt": 0.1},
    "ramp": 0.7,
    "noise": {"kind": "redrawn", "area": 0.2},
    "mirror": True,
    "ema": 0.5,
    "batch": 3,
}


@pytest.mark.parametrize("settings", [{}, RICH], ids=["plain", "all at once"])
def test_resumed_after_every_step_is_the_same_bit_for_bit(settings: dict[str, Any]) -> None:
    config = CELLS.replace(**settings)
    whole = train(config, "whole")
    stops = 0
    while train(config, "parts", max_minutes=1e-9).stopped == "time":
        stops += 1
    assert stops == whole.step - 1 == 3
    assert timeless("parts") == timeless("whole")
    for name, value in load("whole/weights").state_dict().items():
        assert torch.equal(value, load("parts/weights").state_dict()[name])


def test_a_training_learns_what_is_easy() -> None:
    wide = {"network_config": {"base": 4, "depth": 2}, "size": (24, 24), "batch": 4}
    recipe = {"epochs": 25, "validate_every": 25, "learning_rate": 0.03}
    result = train(CELLS.replace(**wide, **recipe), "run")
    assert result.history[-1]["total"] < 0.5 * result.history[0]["total"]


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_validation_is_prediction_and_metrics(fit: str) -> None:
    config = CELLS.replace(epochs=1, fit=fit, size=(16, 20))
    result = train(config, "run")
    pairs = open_pairs("images", "masks")
    names = json.loads(Path("run/weights.json").read_text())["metadata"]["held_out"]
    matrices, losses = [], []
    for name in names:
        image, labels = pairs.read(pairs.names.index(name))
        if fit == "resize":
            image, labels = fit_size(image, labels, config.size, "resize")
        matrices.append(confusion(predict(result.network, np.moveaxis(image, 0, -1)), labels, 3))
        logits = result.network(torch.from_numpy(image)[None]).detach()
        losses.append(float(cross_entropy(logits, torch.from_numpy(labels)[None])))
    row, expected = result.history[0], scores(matrices)
    assert len(names) == 2
    assert row["validation_dice"] == pytest.approx(expected["dice"], rel=1e-12)
    assert row["validation_mean_iou"] == pytest.approx(expected["mean_iou"], rel=1e-12)
    assert row["validation_noisy_dice"] == row["validation_dice"]
    assert row["validation_score"] == 1 - row["validation_dice"]
    assert row["validation_total"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_weights_say_what_they_were_trained_on() -> None:
    train(CELLS.replace(epochs=1, num_training=3), "run")
    metadata = json.loads(Path("run/weights.json").read_text())["metadata"]
    config = SegmentationConfig.from_json(metadata["training"])
    assert config == CELLS.replace(epochs=1, num_training=3, images=3, pairs=config.pairs)
    assert metadata["classes"] == list(VALUES)
    assert metadata["trained_on"] == list(open_split(config)[0].names)
    _, held_out = split(open_pairs("images", "masks"), 2)
    assert metadata["held_out"] == list(held_out.names)


def test_fewer_training_images_leave_the_held_out_ones() -> None:
    few, held_out = open_split(CELLS.replace(num_training=2))
    many, same = open_split(CELLS)
    assert (len(few), len(many)) == (2, 4)
    assert held_out.names == same.names
    assert set(few.names) < set(many.names)
    assert not set(many.names) & set(held_out.names)
    assert open_split(CELLS.replace(num_training=4))[0].names == many.names
    with pytest.raises(InputError, match="num_training=5; allowed are 1 to 4"):
        open_split(CELLS.replace(num_training=5))


# ----------------------------------------------------------------------------- the layer


def test_loss_sees_the_layer_and_weights_do_not() -> None:
    task = task_of(layer=HEAT)
    network = trained(task).train()
    images, labels = draw(task.training, task.config, task.noise, 0, range(2))
    found = task.loss(network, 0)["total"].detach()
    logits = network.forward(images).detach()
    assert torch.equal(found, cross_entropy(InverseHeat(20, 0.025)(logits), labels))
    assert abs(float(found - cross_entropy(logits, labels))) > 1e-4
    assert torch.equal(network.eval()(images), logits)
    plain = trained(task_of())
    assert list(network.state_dict()) == list(plain.state_dict())
    for name, value in plain.state_dict().items():  # the same beginning with and without
        assert torch.equal(network.state_dict()[name], value)
    task.save(task.build(), Path("saved"), {})
    loaded = load("saved")
    assert type(loaded) is SegmentationUNet
    assert not list(inverse_layers(loaded))


def test_presets_are_the_layers_of_the_paper() -> None:
    table = {"wbc": 20, "dsb": 30, "deeplabv3+": 35, "hrnetv2-w48": 30}  # Table 1 of the paper
    assert len(PRESETS) == 2 * len(table) + 1
    for name, steps in table.items():
        for kind, dt in (("paper", 0.1), ("code", 0.025)):
            layer = make_layer({"preset": f"{kind}-{name}"})
            assert (layer.steps, layer.dt, layer.max_gain) == (steps, dt, None)
            assert layer.boundary == "zero"
    assert make_layer({"preset": "default"}).gain(3) <= 100


def test_unstable_layer_is_refused_before_anything_is_written() -> None:
    words = (
        r"steps=20, dt=0\.1 amplifies up to 1\.3e\+05 .* Set max_gain=100, "
        r"or dt <= 0\.073 with these 20 steps, or steps <= 15 with this dt; or gain_limit=None"
    )
    with pytest.raises(InputError, match=words):
        train(CELLS.replace(layer=UNSTABLE), "run")
    assert not Path("run").exists()


def test_divergence_names_the_layer() -> None:
    wild = {"steps": 200, "dt": 1.0, "max_gain": None}  # (1 + 8)^200 is no float32
    words = (
        "loss is (nan|inf) in epoch 1: try a smaller .*; InverseHeat with steps=200, dt=1 .*"
        "Set max_gain=100"
    )
    with (
        pytest.warns(StabilityWarning),
        pytest.raises(NotConverged, match=words),
    ):
        train(CELLS.replace(layer=wild, gain_limit=None), "run")
    assert not list(Path("run").glob("weights*"))
    capped = train(CELLS.replace(layer={**wild, "max_gain": 100.0}), "capped")
    assert np.isfinite(capped.history[-1]["total"])


@pytest.mark.parametrize("ramp", [0.0, 0.5, 2.0])
def test_ramp(ramp: float) -> None:
    task = task_of(layer=HEAT, ramp=ramp)
    network = trained(task).train()
    (layer,) = inverse_layers(network)
    recipe = task.config.recipe
    assert recipe.num_steps == 4
    for step in range(4):
        found = task.loss(network, step)["total"].detach()
        scale = 1.0 if ramp == 0 else min(1.0, (step + 1) / recipe.steps_per_epoch / ramp)
        assert float(layer.scale) == pytest.approx(scale)
        images, labels = draw(task.training, task.config, task.noise, step, range(2))
        logits = network.forward(images).detach()
        expected = cross_entropy(InverseHeat(20, 0.025 * scale)(logits), labels)
        assert float(found) == pytest.approx(float(expected), rel=1e-5)


# ----------------------------------------------------------------------------- what is drawn


def seen(task: SegmentationTask, epoch: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Image and labels shown in an epoch, by the name of the file whose image they are."""
    pairs, config, found = task.training.pairs, task.config, {}
    originals = [pairs.read(i)[0] for i in range(len(pairs))]
    first = epoch * config.recipe.steps_per_epoch
    for step in range(first, first + config.recipe.steps_per_epoch):
        images, labels = draw(task.training, config, task.noise, step, range(config.recipe.batch))
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            (index,) = [i for i, o in enumerate(originals) if np.array_equal(o, image)]
            found[pairs.names[index]] = image, label
    return found


@pytest.mark.parametrize("kind", ["none", "independent", "redrawn", "shared", "flip", "sparse"])
def test_noise_is_that_of_the_model(kind: str) -> None:
    task = task_of(noise={"kind": kind, "area": 0.25}, seed=5, **WHOLE)
    model, pairs = LabelNoise(kind, 0.25, 2, 5), task.training.pairs
    for epoch in (0, 1):
        found = seen(task, epoch)
        assert len(found) == len(pairs) == 4  # every image once
        for index, name in enumerate(pairs.names):
            clean = pairs.read(index)[1].astype(np.uint8)
            assert np.array_equal(found[name][1], model(clean, 3, index, epoch))
    again = seen(task_of(noise={"kind": kind, "area": 0.25}, seed=5, **WHOLE), 1)
    assert all(np.array_equal(again[name][1], found[name][1]) for name in found)


def test_noise_comes_before_the_crop() -> None:
    task = task_of(noise={"kind": "independent", "area": 0.3}, batch=4)
    images, labels = draw(task.training, task.config, task.noise, 0, range(4))
    pairs = task.training.pairs
    for image, label in zip(images.numpy(), labels.numpy(), strict=True):
        matches = []
        for index in range(len(pairs)):
            whole, clean = pairs.read(index)
            noisy = task.noise(clean, 3, index)
            for row in range(9):
                for column in range(9):
                    place = np.s_[row : row + 16, column : column + 16]
                    if np.array_equal(whole[:, *place], image):
                        matches.append(np.array_equal(noisy[place], label))
        assert matches == [True]


def test_mirroring_moves_labels_with_images() -> None:
    task = task_of(mirror=True, batch=1, **WHOLE)
    originals = [task.training.pairs.read(i) for i in range(4)]
    ways = [(), (-1,), (-2,), (-1, -2)]
    met = set()
    for step in range(40):
        images, labels = draw(task.training, task.config, task.noise, step, range(1))
        for whole, clean in originals:
            for way in ways:
                if np.array_equal(np.flip(whole, way), images[0].numpy()):
                    assert np.array_equal(np.flip(clean, way), labels[0].numpy())
                    met.add(way)
    assert met == set(ways)


# ----------------------------------------------------------------------------- refusals


def test_an_image_that_does_not_fit_is_refused_at_once() -> None:
    write_cells(".", sizes=[(24, 24)] * 5 + [(24, 40)])
    for settings in ({"fit": "pad", "size": (30, 30)}, {"noise": {"window": 25}}):
        noise = {"kind": "independent", **settings.pop("noise", {})}
        with pytest.raises(InputError, match=r"24x40 pixels|window=25; allowed are 1 to 24"):
            train(CELLS.replace(noise=noise, split_seed=1, **settings), "run")
    assert not Path("run").exists()


def test_nothing_to_measure_dice_on_is_refused() -> None:
    for name in open_split(CELLS)[1].names:
        write(Path("masks") / f"{name}.png", np.zeros((24, 24), np.uint8))
    with pytest.raises(InputError, match="num_validation=2: only background in c"):
        train(CELLS, "run")
    trained(task_of(criterion="loss"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": {"evolution": "haet"}}, "evolution='haet'; allowed are heat, total-variation"),
        ({"layer": {"steps": 3}}, "'heat' needs dt; its arguments are steps, dt"),
        ({"layer": {**HEAT, "eps": 1}}, "'heat' has no eps"),
        ({"layer": {**UNSTABLE, "steps": 3}}, "preset='paper-wbc' cannot be combined with steps"),
        ({"layer": {"preset": "mine"}}, "preset='mine'; allowed is one of default"),
        ({"loss": "dice"}, "loss='dice'; allowed are cross-entropy"),
        ({"network_config": {"width": 3}}, "no arguments width"),
        ({"noise": {"kind": "salt"}}, "kind='salt'; allowed are none"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        train(CELLS.replace(**settings), "run")
    assert not Path("run").exists()


def test_resuming_with_another_layer_is_refused() -> None:
    train(CELLS, "run")
    with pytest.raises(InputError, match=r"has other settings \(layer: "):
        train(CELLS.replace(layer=HEAT), "run")
    assert train(CELLS.replace(epochs=3), "run").step == 6
