"""Training: settings, one step, validation."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from cases.trainings import CPU, GAP, PLAIN, few_generated_images, here, one_image  # noqa: E402, F401
from steepest.core.errors import InputError  # noqa: E402
from steepest.learning.flows.mean_flux_loss import gap_loss  # noqa: E402
from steepest.learning.flows.training import TrainingConfig  # noqa: E402
from steepest.learning.flows.training.task import FlowTask, make_task  # noqa: E402
from steepest.learning.training import Recipe  # noqa: E402
from steepest.learning.training.learner import Learner, learning_rate  # noqa: E402

# ----------------------------------------------------------------------------- settings


@given(
    st.builds(
        TrainingConfig,
        crop=st.one_of(st.integers(2, 99), st.tuples(st.integers(2, 32), st.integers(32, 256))),
        recipe=st.builds(
            Recipe,
            images=st.integers(1, 10**6),
            epochs=st.integers(1, 10**6),
            learning_rate=st.floats(1e-9, 10),
        ),
        network_config=st.dictionaries(st.text(), st.integers()),
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
        ("betas", (0.9,)),
        ("t_max", 0.0),
        ("seed", -1),
    ],
)
def test_settings_that_are_not_allowed(name, value):
    with pytest.raises(InputError, match=f"^{name}="):
        TrainingConfig().replace(**{name: value})


def test_learning_rates():
    constant = PLAIN.replace(learning_rate=2.0)
    assert {learning_rate(constant.recipe, step) for step in range(6)} == {2.0}
    cosine = PLAIN.replace(learning_rate=2.0, schedule="cosine", images=8, batch=2, epochs=25)
    rates = [learning_rate(cosine.recipe, step) for step in range(cosine.recipe.num_steps)]
    assert rates[:3] == pytest.approx([0.2, 0.4, 0.6], rel=2e-3)
    assert max(rates) == rates[9]
    assert rates[50] == pytest.approx(1)  # half way
    assert rates[25] + rates[75] == pytest.approx(2)
    assert 0 < rates[-1] < 1e-3


# ----------------------------------------------------------------------------- one step


class Pull(FlowTask):
    """An objective whose gradient is known: every weight is pulled towards 3."""

    def objective(self, network, u0, t, generator):
        total = sum(((p - 3) ** 2).sum() / 2 for p in network.parameters())
        return {"total": total, "where": u0.mean()}


def values(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()]).double()


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_steps_are_adam_on_the_clipped_gradient(clip):
    config = PLAIN.replace(ema=0.8, clip=clip)
    learner = Learner(config, Pull(config, CPU, one_image()[0], ()), CPU, begin=True)
    recipe = learner.recipe
    x = values(learner.network)
    average, first, second = x.clone(), torch.zeros_like(x), torch.zeros_like(x)
    beta1, beta2 = recipe.betas
    for step in range(1, 6):
        learner.train_on_batch()
        gradient = x - 3
        assert float(learner.sums["gradient"]) >= float(gradient.norm()) * (1 - 1e-6)
        if clip:
            gradient = gradient * min(1.0, clip / float(gradient.norm()))
        first, second = (
            beta1 * first + (1 - beta1) * gradient,
            beta2 * second + (1 - beta2) * gradient**2,
        )
        update = first / (1 - beta1**step) / ((second / (1 - beta2**step)).sqrt() + 1e-8)
        x = x - recipe.learning_rate * update
        decay = min(0.8, step / (9 + step))
        average = decay * average + (1 - decay) * x
        assert torch.allclose(values(learner.network), x, atol=1e-6)
        assert torch.allclose(values(learner.average), average, atol=1e-6)
    assert learner.step == 5


def test_bfloat16_is_inside_the_network_only():
    task = make_task(GAP, CPU)
    network, (u0, t) = task.build(), task.batches[0]
    for stage in network.stages:
        torch.nn.init.normal_(stage.leave.weight, std=0.1)
    exact = network.mean_flux(u0, t)
    loss = gap_loss(network, u0, t, torch.Generator().manual_seed(0))["total"]
    with torch.autocast("cpu", torch.bfloat16):
        rough = network.mean_flux(u0, t)
        terms = gap_loss(network, u0, t, torch.Generator().manual_seed(0))
    assert rough.dtype == terms["total"].dtype == torch.float32
    assert 1e-6 < float((rough - exact).detach().abs().max()) < 0.05
    assert terms["total"].item() == pytest.approx(loss.item(), rel=0.05)
    terms["total"].backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


# ----------------------------------------------------------------------------- validation


def test_validation_is_the_same_for_all_seeds():
    found = [make_task(PLAIN.replace(seed=seed), CPU).batches for seed in (0, 1)]
    assert len(found[0]) == PLAIN.recipe.steps_per_epoch
    for (u0, t), (v0, s) in zip(*found, strict=True):
        assert torch.equal(u0, v0)
        assert torch.equal(t, s)


def test_validation_is_the_mean_of_the_objective():
    task = make_task(GAP, CPU)
    network = task.build().eval()
    terms = [float(task.objective(network, *batch, None)["gap"]) for batch in task.batches]
    found = task.validate(network)
    assert found == task.validate(network)  # the same random numbers every time
    assert found["score"] == found["total"]
    assert found["gap"] == pytest.approx(np.mean(terms), rel=0.5)  # other chords
