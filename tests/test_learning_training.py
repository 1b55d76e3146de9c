"""Training: data and counters, one step, resuming, several processes, the command."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import steepest  # noqa: E402
from steepest import learning  # noqa: E402
from steepest.cli.main import main  # noqa: E402
from steepest.core.errors import InputError, NotConverged  # noqa: E402
from steepest.io import write_image  # noqa: E402
from steepest.learning import objectives, weights  # noqa: E402
from steepest.learning.training import (  # noqa: E402
    PHOTOGRAPHS,
    PRESETS,
    TrainingConfig,
    data,
    open_data,
    train,
)
from steepest.learning.training.distributed import Team  # noqa: E402
from steepest.learning.training.generate import generate_image, power_law_noise  # noqa: E402
from steepest.learning.training.learner import learning_rate, make_learner, take_step  # noqa: E402
from steepest.learning.training.log import read_log  # noqa: E402
from steepest.learning.training.precision import InBfloat16  # noqa: E402
from steepest.learning.training.sampling import TRAINING, VALIDATION, crop_size, draw_batch, stream  # noqa: E402
from steepest.learning.training.sources import Collection, Mixture, reduce, to_grey  # noqa: E402
from steepest.learning.training.validation import make_validation  # noqa: E402

ELSEWHERE = {  # other processes find the same package
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(steepest.__file__).parents[1]),
}
ALONE = Team(0, 1, torch.device("cpu"))
PAPER = replace(
    PRESETS["smoke"],
    network_config={"channels": 4, "depth": 3},
    crop=12,
    images=6,
    batch=2,
    epochs=4,
    times=3,
)
GAP = TrainingConfig(
    network="mean-flux",
    network_config={"channels": [4, 4, 4], "stages": 2},
    objective="gap",
    data="generated",
    crop=16,
    images=6,
    batch=2,
    epochs=4,
    times=1,
    zero_time=False,
    t_min=0.002,
    learning_rate=2e-3,
    schedule="cosine",
    warmup=3,
    ema=0.9,
    precision="bfloat16",
    channels_last=True,
    validation_batches=2,
)


@pytest.fixture(scope="module", autouse=True)
def _few_generated_images():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_NUM_GENERATED", 8)
        patch.setattr(data, "_SMALLEST_GENERATED", 32)
        yield


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)  # --threads must not last


def one_image(shape=(20, 30)):
    """A source of one image, all of whose values are different and in (0, 1/2)."""
    image = (np.arange(math.prod(shape), dtype=np.float32).reshape(shape) + 1) / 2048
    return Collection("one", 1, lambda index: image, (1.0,)), image


# ----------------------------------------------------------------------------- images


@given(st.integers(0, 2**40), st.integers(16, 64))
def test_generated_images(seed, size):
    image = generate_image(stream(seed), size)
    assert image.shape == (size, size)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    assert np.array_equal(image, generate_image(stream(seed), size))
    assert not np.array_equal(image, generate_image(stream(seed, 1), size))


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_spectrum_of_noise_falls_like_the_power(decay):
    noise = power_law_noise(stream(3), 256, decay)
    assert noise.mean() == pytest.approx(0, abs=1e-12)
    assert noise.var() == pytest.approx(1)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    band = (frequency > 0.02) & (frequency < 0.4)
    power = np.log(np.abs(np.fft.fft2(noise))[band] ** 2)
    slope = np.polyfit(np.log(frequency[band]), power, 1)[0]
    assert slope == pytest.approx(-2 * decay, abs=0.25)  # the offset at 0 flattens it a little


def test_isolated_disks_do_not_touch():
    measure = pytest.importorskip("skimage.measure")
    from steepest.learning.training.generate import _isolated_disks

    for seed in range(10):
        image = _isolated_disks(stream(seed), 64)
        background = Counter(image.ravel()).most_common(1)[0][0]
        labels = measure.label(image != background, connectivity=2)
        for region in measure.regionprops(labels, image):
            inside = region.image_intensity[region.image]
            height = Counter(inside).most_common(1)[0][0] - background
            assert np.all((inside - background) / height <= 1 + 1e-9)  # one plateau and its rim
            assert np.all((inside - background) / height > 0)


@given(st.sampled_from(["uint8", "uint16", "float32", "float64"]))
def test_grey_is_the_luma_of_bt601(kind):
    values = np.random.default_rng(1).random((4, 5, 3))
    maximum = np.iinfo(kind).max if kind.startswith("u") else 1
    grey = to_grey((values * maximum).astype(kind), "x")
    assert grey.dtype == np.float32
    assert np.abs(grey - values @ [0.299, 0.587, 0.114]).max() <= (maximum > 1) / maximum + 1e-6
    assert np.array_equal(to_grey(np.full((3, 3), maximum, kind), "x"), np.ones((3, 3)))


def test_what_is_no_image_to_train_on():
    for array in (np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.full((4, 4), -0.5)):
        with pytest.raises(InputError, match=r"x: values must lie in \[0, 1\]"):
            to_grey(array, "x")
    with pytest.raises(InputError, match="allowed are grey or RGB"):
        to_grey(np.zeros((4, 4, 2), np.uint8), "x")


def test_reduced_copies():
    assert reduce(np.full((20, 31), 0.25, np.float32), 0.7).shape == (14, 22)
    assert reduce(np.full((20, 31), 0.25, np.float32), 0.5) == pytest.approx(0.25, abs=1e-6)
    rows = np.linspace(0, 1, 40, dtype=np.float32)[:, None] * np.ones((1, 40), np.float32)
    assert np.abs(reduce(rows, 0.5)[5:15] - rows.reshape(20, 2, 40).mean(1)[5:15, :20]).max() < 1e-3


def write_folder(count=23):
    """Constant images of different values, some in a folder within."""
    os.makedirs("photos/more")
    for i in range(count):
        name = f"photos/{'more/' if i % 2 else ''}{i:02}.png"
        write_image(name, np.full((8, 9), 10 * i, np.uint8))


def all_values(source, count=400, size=8):
    rng = np.random.default_rng(0)
    return {round(float(source.pick(rng, size).mean() * 255)) for _ in range(count)}


def test_a_folder_is_split_into_training_and_validation():
    write_folder()
    training = open_data("photos", held_out=False, largest_crop=8)
    held_out = open_data("photos", held_out=True, largest_crop=8)
    seen, kept = all_values(training), all_values(held_out)
    assert not seen & kept
    assert seen | kept == {10 * i for i in range(23)}
    assert len(kept) == 3
    assert training.licences


def test_images_smaller_than_the_crops_are_passed_over():
    os.makedirs("photos")
    write_image("photos/a.png", np.zeros((40, 30), np.uint8))
    write_image("photos/b.png", np.full((10, 50), 255, np.uint8))
    source = open_data("photos", held_out=True, largest_crop=20)  # a.png alone
    everything = Collection("two", 2, [np.zeros((40, 30)), np.ones((10, 50))].__getitem__)
    assert all_values(everything, 100, 20) == {0}
    assert all_values(everything, 100, 10) == {0, 255}
    with pytest.raises(InputError, match="no image of photos is as large as the crops, 31x31"):
        source.pick(np.random.default_rng(0), 31)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "data='nowhere': no such folder; allowed are"),
        ("empty", "empty: no PNG"),
        ("volume", "allowed are grey or RGB images"),
        ("food101:here", "torchvision"),
    ],
)
def test_data_that_cannot_be_used(name, message, monkeypatch):
    os.makedirs("empty")
    os.makedirs("volume")
    np.save("volume/a.npy", np.zeros((6, 6, 6), np.float32))
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(InputError, match=message):
        open_data(name, held_out=False, largest_crop=4).pick(np.random.default_rng(0), 4)


def test_torchvision_is_asked_for_what_is_downloaded(monkeypatch):
    from PIL import Image

    def food(root, split, download):
        assert not download
        if root == "elsewhere":
            raise RuntimeError("Dataset not found")
        return [(Image.new("RGB", (9, 8), (255, 0, 0) if split == "train" else (0, 0, 0)), 0)]

    fake = SimpleNamespace(Food101=food)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", fake)
    pick = open_data("food101:here", held_out=False, largest_crop=8).pick
    assert pick(np.random.default_rng(0), 8) == pytest.approx(0.299, abs=1e-6)
    assert all_values(open_data("food101:here", held_out=True, largest_crop=8), 3) == {0}
    with pytest.raises(InputError, match="not in elsewhere; download it"):
        open_data("food101:elsewhere", held_out=False, largest_crop=8)


def test_the_photographs_and_their_licences():
    pytest.importorskip("skimage")
    training = open_data("skimage", held_out=False, largest_crop=32)
    held_out = open_data("skimage", held_out=True, largest_crop=32)
    names = {*training.licences, *held_out.licences}
    assert names == {f"skimage/{name}" for name in PHOTOGRAPHS}
    assert not set(training.licences) & set(held_out.licences)
    assert all("CC0" in text or "public domain" in text for text in PHOTOGRAPHS.values())
    sizes = {training.pick(stream(i), 256).shape for i in range(20)}
    assert min(min(size) for size in sizes) >= 256


def test_shares_of_a_mixture():
    sources = [Collection(str(i), 1, lambda _, i=i: np.full((4, 4), float(i))) for i in range(2)]
    mixed, rng = Mixture(sources, (0.75, 0.25)), np.random.default_rng(0)
    share = np.mean([mixed.pick(rng, 2)[0, 0] for _ in range(2000)])
    assert share == pytest.approx(0.25, abs=0.03)


# ----------------------------------------------------------------------------- counters


@given(st.integers(0, 2**63), st.integers(0, 2**30), st.integers(1, 6), st.booleans())
def test_a_crop_depends_on_its_counters_alone(seed, step, count, zero):
    source, _ = one_image()
    config = replace(PAPER, crop=(5, 9), zero_time=zero, t_min=0.01, t_max=0.2)
    u0, t = draw_batch(source, config, seed, TRAINING, step, range(count))
    assert u0.shape[0] == t.shape[0] == 3 * count
    for index in range(count):
        own = slice(3 * index, 3 * index + 3)
        alone = draw_batch(source, config, seed, TRAINING, step, [index])
        assert torch.equal(alone[0], u0[own])
        assert torch.equal(alone[1], t[own])
        assert (float(alone[1][0]) == 0) == zero
    assert torch.all((t == 0) | ((t >= 0.01) & (t <= 0.2)))
    assert 5 <= u0.shape[2] == u0.shape[3] <= 9


def test_other_counters_other_crops():
    source, _ = one_image((200, 200))
    found = [
        draw_batch(source, PAPER, seed, kind, step, [index])
        for seed in (0, 1)
        for kind in (TRAINING, VALIDATION)
        for step in (0, 1)
        for index in (0, 1)
    ]
    assert len({u0.numpy().tobytes() for u0, _ in found}) == 16
    assert len({t.numpy().tobytes() for _, t in found}) == 16


def test_crops_are_windows_up_to_symmetry():
    source, image = one_image()
    config, seen = replace(PAPER, crop=4, times=1), Counter()
    for step in range(200):
        crop = draw_batch(source, config, 0, TRAINING, step, [0])[0][0, 0].numpy()
        inverted = bool(crop.mean() > 0.5)
        crop = 1 - crop if inverted else crop
        low = np.rint(crop.min() * 2048).astype(int) - 1
        row, column = divmod(low, image.shape[1])
        window = image[row : row + 4, column : column + 4]
        matches = [
            (transposed, up, left)
            for transposed in (False, True)
            for up in (False, True)
            for left in (False, True)
            if np.allclose(moved(window, transposed, up, left), crop, atol=1e-6)
        ]
        assert len(matches) == 1
        seen.update([(inverted, *matches[0])])
    assert len(seen) == 16  # all of them occur


def moved(window, transposed, up, left):
    window = window[::-1] if up else window
    window = window[:, ::-1] if left else window
    return window.T if transposed else window


def test_sizes_are_uniform_in_the_range():
    config = replace(PAPER, crop=(32, 35))
    sizes = Counter(crop_size(config, 0, TRAINING, step) for step in range(2000))
    assert set(sizes) == {32, 33, 34, 35}
    assert min(sizes.values()) > 420
    assert crop_size(replace(PAPER, crop=7), 5, VALIDATION, 3) == 7


# ----------------------------------------------------------------------------- settings


@given(
    st.builds(
        TrainingConfig,
        crop=st.one_of(st.integers(2, 99), st.tuples(st.integers(2, 32), st.integers(32, 256))),
        epochs=st.integers(1, 10**6),
        learning_rate=st.floats(1e-9, 10),
        network_config=st.dictionaries(st.text(), st.integers()),
        max_minutes=st.none() | st.floats(0.1, 100),
    )
)
def test_settings_survive_json(config):
    again = TrainingConfig.from_json(json.loads(json.dumps(config.as_json())))
    assert again == config
    assert config.differences(again) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("images", 2.5),
        ("batch", True),
        ("crop", (64, 32)),
        ("crop", 1),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("ema", 1.0),
        ("clip", -1.0),
        ("schedule", "linear"),
        ("precision", "float16"),
        ("criterion", "ssim"),
        ("betas", (0.9,)),
        ("t_max", 0.0),
        ("seed", -1),
        ("max_minutes", 0),
        ("checkpoint_minutes", math.nan),
        ("parts", 2),
    ],
)
def test_settings_that_are_not_allowed(name, value):
    with pytest.raises(InputError, match=f"^{name}="):
        replace(TrainingConfig(), **{name: value})


def test_unknown_settings():
    with pytest.raises(InputError, match="unknown settings of a training: epoch"):
        TrainingConfig.from_json({"epoch": 3})


def test_the_presets_are_the_recipes():
    paper, report = PRESETS["paper"], PRESETS["report"]
    assert paper == TrainingConfig()
    assert (paper.num_steps, paper.learning_rate, paper.clip) == (468_750, 3e-4, 1)
    assert (paper.times, paper.zero_time, paper.t_max) == (50, True, 0.2)
    assert (report.objective, report.epochs, report.learning_rate) == ("report", 55, 5e-4)
    for config in PRESETS.values():
        network = weights.build(config.network, dict(config.network_config))
        objectives.check_objective(config.objective, network)
        assert callable(objectives.find_objective(config.objective))


def test_objectives_for_other_networks_are_refused():
    with pytest.raises(InputError, match="objective='gap' is not for SemiResNet"):
        train(replace(PAPER, objective="gap"), "run")
    with pytest.raises(InputError, match="objective='nothing'; allowed are paper"):
        objectives.find_objective("nothing")


def test_learning_rates():
    constant = replace(PAPER, learning_rate=2.0, warmup=4)
    rates = [learning_rate(constant, step) for step in range(6)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    cosine = replace(PAPER, learning_rate=2.0, schedule="cosine", images=8, batch=2, epochs=25)
    rates = [learning_rate(cosine, step) for step in range(cosine.num_steps)]
    assert rates[0] == 2
    assert rates[50] == pytest.approx(1)  # half way
    assert rates[25] + rates[75] == pytest.approx(2)
    assert 0 < rates[-1] < 1e-3


# ----------------------------------------------------------------------------- one step


@pytest.fixture
def pull(monkeypatch):
    """An objective whose gradient is known: every weight is pulled towards 3."""

    def toward_three(network, u0, t, generator):
        total = sum(((p - 3) ** 2).sum() / 2 for p in network.parameters())
        return {"total": total, "where": u0.mean()}

    monkeypatch.setitem(objectives.OBJECTIVES, "pull", toward_three)
    return replace(PAPER, objective="pull", ema=0.8)


def new_learner(config):
    network = weights.build(config.network, dict(config.network_config))
    return make_learner(network, config)


def values(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()]).double()


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_steps_are_adam_on_the_clipped_gradient(pull, clip):
    config, (source, _) = replace(pull, clip=clip), one_image()
    learner = new_learner(config)
    x = values(learner.network)
    average, first, second = x.clone(), torch.zeros_like(x), torch.zeros_like(x)
    beta1, beta2 = config.betas
    for step in range(1, 6):
        take_step(learner, objectives.find_objective("pull"), source, config, ALONE)
        gradient = x - 3
        assert float(learner.sums["gradient"]) >= float(gradient.norm()) * (1 - 1e-6)
        if clip:
            gradient = gradient * min(1.0, clip / float(gradient.norm()))
        first, second = (
            beta1 * first + (1 - beta1) * gradient,
            beta2 * second + (1 - beta2) * gradient**2,
        )
        update = first / (1 - beta1**step) / ((second / (1 - beta2**step)).sqrt() + 1e-8)
        x = x - config.learning_rate * update
        decay = min(0.8, step / (9 + step))
        average = decay * average + (1 - decay) * x
        assert torch.allclose(values(learner.network), x, atol=1e-6)
        assert torch.allclose(values(learner.average), average, atol=1e-6)
    assert learner.step == 5


@pytest.mark.parametrize("config", [PAPER, GAP])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(config):
    source, _ = one_image()
    config = replace(config, batch=4, images=8, precision="float32", ema=0.0)
    objective = objectives.find_objective(config.objective)
    if config.objective == "gap":  # without its random numbers, which belong to the parts
        full = objective

        def objective(network, u0, t, generator):
            return (
                full(network, u0, t, torch.Generator().manual_seed(0))
                if len(u0) == 0
                else {"total": (network.solve(u0, t) - u0).abs().mean()}
            )

    found = []
    for parts in (1, 2, 4):
        torch.manual_seed(0)
        learner = new_learner(config)
        with torch.no_grad():
            for index, p in enumerate(learner.network.parameters()):
                p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(index)) / 5)
        take_step(learner, objective, source, replace(config, parts=parts), ALONE)
        moments = learner.optimizer.state_dict()["state"]
        found.append(torch.cat([moments[i]["exp_avg"].flatten() for i in moments]))
    assert found[0].abs().max() > 0
    for other in found[1:]:
        assert torch.allclose(found[0], other, atol=1e-5 * float(found[0].abs().max()))


def test_bfloat16_is_inside_the_network_only():
    torch.manual_seed(0)
    network = learning.SemiResNet(channels=8)
    u0, t = torch.rand(3, 1, 16, 16), torch.tensor([0.0, 0.05, 0.2])
    phi = network.propose(u0, t)[1]
    rough_u, rough_phi = InBfloat16(network).propose(u0, t)
    assert rough_u.dtype == rough_phi.dtype == torch.float32
    difference = float((rough_phi - phi).detach().abs().max() / phi.detach().abs().max())
    assert 1e-6 < difference < 0.05
    terms = learning.losses.paper_objective(InBfloat16(network), u0, t)
    exact = learning.losses.paper_objective(network, u0, t)
    assert terms["total"].dtype == torch.float32
    assert terms["total"].item() == pytest.approx(exact["total"].item(), rel=0.05)
    terms["total"].backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


# ----------------------------------------------------------------------------- validation


def test_validation_is_the_same_for_all_seeds():
    source = open_data("generated", held_out=True, largest_crop=12)
    found = [
        make_validation(source, replace(PAPER, seed=seed), lambda *_: {}, ALONE.device).batches
        for seed in (0, 1)
    ]
    for (u0, t), (v0, s) in zip(*found, strict=True):
        assert torch.equal(u0, v0)
        assert torch.equal(t, s)


class Still(torch.nn.Module):
    """Nothing moves: u(t) = u0."""

    def solve(self, u0, t):
        return u0

    def mean_flux(self, u0, t):
        return torch.zeros(len(u0), 2, *u0.shape[2:], dtype=u0.dtype)


def test_scores_against_the_solver_and_the_certificate():
    source = open_data("generated", held_out=True, largest_crop=12)

    def objective(network, u0, t, generator):
        return {"total": torch.tensor(0.25)}

    scores, validations = {}, {}
    for criterion in ("loss", "psnr", "certificate"):
        config = replace(PAPER, criterion=criterion, validation_batches=2)
        validations[criterion] = make_validation(source, config, objective, ALONE.device)
        scores[criterion] = validations[criterion](Still())["score"]
    assert scores["loss"] == 0.25
    decibels, squares = [], []
    for u0, t in validations["psnr"].batches:
        for i in range(0, len(u0), 3):  # three times an image
            exact = [
                u0[j, 0].double().numpy()
                if t[j] == 0
                else steepest.tv_flow(
                    u0[j, 0].double().numpy(), [float(t[j])], num_steps=300
                ).images[0]
                for j in range(i, i + 3)
            ]
            error = np.mean((u0[i : i + 3, 0].double().numpy() - np.stack(exact)) ** 2)
            decibels.append(-10 * np.log10(max(error, 1e-20)))  # where nothing moves: 200 dB
            squares.append(error)
    assert -scores["psnr"] == pytest.approx(np.mean(decibels), abs=0.02)
    assert scores["certificate"] >= np.sqrt(np.mean(squares))
    assert scores["certificate"] < 0.5


# ----------------------------------------------------------------------------- whole trainings


def contents(folder):
    """What must not depend on interruptions: weights, checkpoint, log but for the clock."""
    tensors = {path.name: path.read_bytes() for path in Path(folder).glob("*.safetensors")}
    document = json.loads((Path(folder) / "checkpoint.json").read_text())
    for name in ("seconds", "log_bytes", "config"):
        del document[name]
    rows = list(csv.DictReader((Path(folder) / "log.csv").open()))
    return tensors, document, [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Both kinds of training, uninterrupted."""
    found = {}
    for config in (PAPER, GAP):
        folder = tmp_path_factory.mktemp(config.objective)
        found[config.objective] = (folder, train(config, folder))
    return found


@pytest.mark.parametrize("config", [PAPER, GAP], ids=["paper", "gap"])
@pytest.mark.parametrize("step", [5, 6])
def test_resumed_bit_for_bit_after_an_interrupt(config, step, straight):
    before = signal.getsignal(signal.SIGINT)

    def interrupt(moment):
        if moment.step == step:  # within the second epoch, and at its end
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(config, "run", on_step=interrupt)
    assert json.loads(Path("run/checkpoint.json").read_text())["step"] == step
    assert signal.getsignal(signal.SIGINT) is before
    assert isinstance(learning.load("run/weights"), torch.nn.Module)
    result = train(config, "run")
    assert result.stopped == "finished"
    assert contents("run") == contents(straight[config.objective][0])


def test_resumed_bit_for_bit_after_a_crash(straight):
    """The log has a row more than the checkpoint knows of, and half of another."""

    def crash(moment):
        if moment.epoch == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(PAPER, "run", on_epoch=crash)
    with open("run/log.csv", "a") as file:
        file.write("4,12,0.0")
    assert json.loads(Path("run/checkpoint.json").read_text())["step"] == 6
    train(PAPER, "run")
    assert contents("run") == contents(straight["paper"][0])


def test_time_is_up_and_more_epochs_later(straight):
    short = replace(PAPER, epochs=2, max_minutes=1e-9)
    first = train(short, "run")
    assert (first.stopped, first.step) == ("time", 1)
    second = train(replace(short, max_minutes=None), "run")
    assert (second.stopped, second.step) == ("finished", 6)
    third = train(PAPER, "run")  # a constant rate does not know how long the training will be
    assert third.step == 12
    assert contents("run") == contents(straight["paper"][0])
    again = train(PAPER, "run")  # nothing is left to do
    assert again.best_score == third.best_score
    assert contents("run") == contents(straight["paper"][0])


@pytest.mark.parametrize("kind", ["paper", "gap"])
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
    assert len(list(folder.glob("checkpoint-*"))) == 1


def test_the_kept_network_has_the_best_score(straight):
    folder, result = straight["gap"]  # an average of weights, validated as such
    config = result.config
    source = open_data(config.data, held_out=True, largest_crop=config.crop)
    validation = make_validation(
        source, config, objectives.find_objective("gap"), torch.device("cpu")
    )
    assert validation(learning.load(folder / "weights"))["score"] == pytest.approx(
        result.best_score, rel=1e-5
    )


def test_training_makes_the_loss_smaller():
    config = replace(GAP, images=16, batch=4, epochs=8, learning_rate=5e-3, ema=0.0)
    result = train(config, "run")
    scores = [row["validation_score"] for row in result.history]
    assert scores[-1] < 0.95 * scores[0]


def test_the_seed_decides(straight):
    result = train(replace(PAPER, seed=1, epochs=1), "run")
    assert result.history[0]["total"] != straight["paper"][1].history[0]["total"]


def test_validation_every_second_epoch():
    result = train(replace(PAPER, validate_every=2, epochs=3), "run")
    assert ["validation_score" in row for row in result.history] == [False, True, True]
    assert list(result.history) == read_log(Path("run"))


def test_tensorboard():
    pytest.importorskip("tensorboard")
    train(replace(PAPER, epochs=1, tensorboard=True), "run")
    assert list(Path("run/tensorboard").glob("events*"))


def test_divergence_is_said():
    with pytest.raises(NotConverged, match="smaller learning rate than 1e"):
        train(replace(PAPER, learning_rate=1e30, clip=0.0), "run")


def test_what_cannot_be_resumed(straight):
    train(replace(PAPER, epochs=1), "run")
    with pytest.raises(InputError, match="run: holds a training already"):
        train(PAPER, "run", resume=False)
    with pytest.raises(InputError, match="seed: 3, not 0"):
        train(replace(PAPER, seed=3), "run")
    Path("file").write_text("")
    with pytest.raises(InputError, match="file: is a file"):
        train(PAPER, "file")
    tensors = next(Path("run").glob("checkpoint-*"))
    tensors.write_bytes(tensors.read_bytes()[:-7])
    with pytest.raises(InputError, match=r"safetensors: damaged"):
        train(PAPER, "run")
    tensors.unlink()
    with pytest.raises(InputError, match=r"safetensors: damaged"):
        train(PAPER, "run")
    Path("run/checkpoint.json").write_text("{")
    with pytest.raises(InputError, match=r"checkpoint.json: damaged"):
        train(PAPER, "run")


def test_a_device_that_is_not_there():
    with pytest.raises(InputError, match="device='cuda:7' cannot be used"):
        train(replace(PAPER, device="cuda:7" if not torch.cuda.is_available() else "xpu"), "run")


def test_two_processes_are_one(tmp_path):
    """torchrun with two processes over gloo: the weights of one process, up to rounding."""
    os.makedirs("noise")
    for i in range(3):
        np.save(f"noise/{i}.npy", np.random.default_rng(i).random((40, 48), np.float32))
    config = json.dumps(GAP.network_config)
    options = ["learn", "noise", "--preset", "gap", "--network-config", config, "--size", "16"]
    options += ["--images", "8", "--batch", "4", "--parts", "2", "--epochs", "2", "--threads", "1"]
    options += ["--validate-every", "1", "--precision", "float32", "--device", "cpu", "--quiet"]
    assert main([*options, "-o", "alone"]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc_per_node=2", "-m", "steepest.cli", *options, "-o", "pair"]
    done = subprocess.run(command, env=ELSEWHERE, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert learning.weights.read_description("pair/weights")["metadata"]["processes"] == 2
    one, two = learning.load("alone/weights"), learning.load("pair/weights")
    for name, value in one.state_dict().items():
        assert torch.allclose(value, two.state_dict()[name], atol=1e-5)
    rows = zip(read_log(Path("alone")), read_log(Path("pair")), strict=True)
    for mine, theirs in rows:
        assert mine["total"] == pytest.approx(theirs["total"], rel=1e-5)


# ----------------------------------------------------------------------------- the command

SMOKE = ["learn", "-o", "run", "--preset", "smoke", "--size", "12", "--images", "2"]


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
    assert float(learning.fields.squared_norm(flux.detach()).max()) <= 1 + 1e-5


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
        (["nowhere", "-o", "new", "--preset", "smoke"], "no such folder"),
        (["-o", "new", "--network-config", '{"width": 3}'], "no arguments width"),
        (["-o", "new", "--network-config", "3"], "is not a JSON object"),
        (["-o", "new", "--size", "64,32"], "crop=(64, 32)"),
        (["-o", "new", "--size", "1"], "must be a size from 2"),
        (["-o", "new", "--objective", "gap"], "not for UNet"),
        (["-o", "new", "--device", "abacus"], "device='abacus' cannot be used"),
        (["-o", "file", "--preset", "smoke"], "file: is a file"),
        ([], "required: -o"),
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
    from steepest.learning import training

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    assert main(SMOKE) == 130
    assert "go on with: steepest learn -o run --resume" in capsys.readouterr().err


def test_names_on_the_command_line():
    from steepest.cli import learn

    assert set(learn.PRESETS) == set(PRESETS)
    assert set(learn.NETWORKS) == set(weights.NETWORKS)
    assert all(f"\n  {name} " in learn.EPILOG for name in PRESETS)


def test_commands_start_without_torch():
    code = "import sys, steepest.cli.main as m; m.make_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ELSEWHERE).returncode == 0
