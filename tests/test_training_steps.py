"""Training: settings, one step, validation."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import steepest  # noqa: E402
from cases.trainings import ALONE, ELSEWHERE, GAP, PAPER, few_generated_images, here, one_image  # noqa: E402, F401
from steepest import learning  # noqa: E402
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows import objectives, weights  # noqa: E402
from steepest.learning.flows.training import (  # noqa: E402
    PRESETS,
    TrainingConfig,
    open_data,
    train,
)
from steepest.learning.flows.training.task import FlowTask  # noqa: E402
from steepest.learning.flows.training.validation import make_validation  # noqa: E402
from steepest.learning.training.learner import learning_rate, make_learner  # noqa: E402
from steepest.learning.training.learner import take_step as take_step_of  # noqa: E402

# ----------------------------------------------------------------------------- settings


@given(
    st.builds(
        TrainingConfig,
        crop=st.one_of(st.integers(2, 99), st.tuples(st.integers(2, 32), st.integers(32, 256))),
        epochs=st.integers(1, 10**6),
        learning_rate=st.floats(1e-9, 10),
        network_config=st.dictionaries(st.text(), st.integers()),
        objective_options=st.dictionaries(st.text(), st.floats(0, 1) | st.text()),
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
    with pytest.raises(InputError, match="unknown training settings: epoch"):
        TrainingConfig.from_json({"epoch": 3})


def test_the_presets_are_the_recipes():
    paper, report = PRESETS["paper"], PRESETS["report"]
    assert paper == TrainingConfig()
    assert (paper.num_steps, paper.learning_rate, paper.clip) == (468_750, 3e-4, 1)
    assert (paper.times, paper.zero_time, paper.t_max) == (50, True, 0.2)
    assert (report.objective, report.epochs, report.learning_rate) == ("report", 55, 5e-4)
    for config in PRESETS.values():
        network = weights.REGISTRY.build(config.network, dict(config.network_config))
        objectives.check_objective(config.objective, network)
        assert callable(objectives.find_objective(config.objective))


def test_distillation_is_the_distance_to_the_solver():
    """The score is zero for the solver itself, and the distance for an unchanged image."""

    class Teacher(torch.nn.Module):
        def solve(self, u0, t):
            flows = [
                steepest.tv_flow(
                    u[0].double().numpy(),
                    float(time),
                    steps=steepest.Accuracy(db=70, data_range=1.0),
                )
                for u, time in zip(u0, t, strict=True)
            ]
            return torch.from_numpy(np.stack([flow.images for flow in flows])).to(u0)

    u0 = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.05, 0.2])
    objective = objectives.find_objective("distillation")
    teacher = Teacher()
    assert float(objective(teacher, u0, t, None)["total"]) < 1e-3
    moved = float((teacher.solve(u0, t) - u0).square().mean())
    still = SimpleNamespace(solve=lambda u0, t: u0)
    assert float(objective(still, u0, t, None)["mse"]) == pytest.approx(moved, rel=0.02)


def test_objectives_for_other_networks_are_refused():
    with pytest.raises(
        InputError, match="objective='gap' needs a method mean_flux, which SemiResNet"
    ):
        train(replace(PAPER, objective="gap"), "run")
    with pytest.raises(InputError, match="objective='nothing'; allowed is one of paper"):
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
    network = weights.REGISTRY.build(config.network, dict(config.network_config))
    return make_learner(network, config)


def take_step(learner, objective, source, config, team):
    task = FlowTask(config, team.device, objective, source, validation=None)
    take_step_of(learner, task, config, team)


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
    objective = objectives.find_objective("paper")
    exact = objective(network, u0, t, None)
    with torch.autocast("cpu", torch.bfloat16):
        rough_u, rough_phi = network.propose(u0, t)
        terms = objective(network, u0, t, None)
    assert rough_u.dtype == rough_phi.dtype == torch.float32
    difference = float((rough_phi - phi).detach().abs().max() / phi.detach().abs().max())
    assert 1e-6 < difference < 0.05
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
    """A network that changes nothing: u(t) = u0."""

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
                else steepest.tv_flow(u0[j, 0].double().numpy(), [float(t[j])], steps=300).images[0]
                for j in range(i, i + 3)
            ]
            error = np.mean((u0[i : i + 3, 0].double().numpy() - np.stack(exact)) ** 2)
            decibels.append(-10 * np.log10(max(error, 1e-20)))  # where nothing moves: 200 dB
            squares.append(error)
    assert -scores["psnr"] == pytest.approx(np.mean(decibels), abs=0.02)
    assert scores["certificate"] >= np.sqrt(np.mean(squares))
    assert scores["certificate"] < 0.5
