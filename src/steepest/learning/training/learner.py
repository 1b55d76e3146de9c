"""The state of a training, and its steps."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import NotConverged
from .muon import Muon
from .settings import Recipe, Settings
from .streams import global_stream
from .task import Task

_OPTIMIZERS = {"adam": torch.optim.Adam, "muon": Muon}
_WARMUP = 100  # steps
_NUMBERS = ("step", "seconds", "best_score", "best_epoch", "history")


class Learner:
    """A network in training, its optimiser, its averaged weights, and its best weights so far."""

    def __init__(self, config: Settings, task: Task, device: torch.device, *, begin: bool) -> None:
        """Build the network on ``device``; ``begin`` is as in `Task.prepare`."""
        self.config, self.recipe, self.task, self.device = config, config.recipe, task, device
        recipe = config.recipe
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = task.build()
        network = task.prepare(network, begin=begin).to(device)
        if recipe.precision == "bfloat16":
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network
        self.optimizer = _OPTIMIZERS[recipe.optimizer](
            network.parameters(), recipe.learning_rate, betas=recipe.betas, foreach=True
        )
        self.average = copy.deepcopy(network).requires_grad_(False) if recipe.ema else None
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, Tensor] = {}  # float64, over the steps of this epoch
        self.best: dict[str, Tensor] = {}  # weights, on the CPU
        self.best_score, self.best_epoch = math.inf, 0
        self.history: list[dict[str, float]] = []  # a row of the log for every epoch

    @property
    def candidate(self) -> nn.Module:
        """The network that is validated and kept: the average if there is one."""
        return self.network if self.average is None else self.average

    def best_network(self) -> nn.Module:
        """A copy of the best network so far, or of the present one, on the CPU, to evaluate."""
        with torch.random.fork_rng(devices=[]):
            network = self.task.build()
        network.load_state_dict(self.best or self.candidate.state_dict())
        return network.eval()

    def train_on_batch(self) -> None:
        """Take one step on the batch of this step."""
        recipe = self.recipe
        with global_stream(self.device, recipe.seed, self.step):
            terms = dict(self.task.loss(self.network, self.step))
        terms["total"].backward()
        parameters = self.network.parameters()
        terms["gradient"] = nn.utils.clip_grad_norm_(parameters, recipe.clip or math.inf)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._update_average()
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().double()
        self.step += 1

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average towards the weights, with a smaller decay in the first steps."""
        if self.average is None:
            return
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        values = self.network.state_dict()
        for name, mean in self.average.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(values[name], 1 - decay)
            else:
                mean.copy_(values[name])

    def end_epoch(self) -> dict[str, float]:
        """The row of the log: means over the epoch and, if it is due, the validation."""
        self.check_finite()
        recipe = self.recipe
        epoch = self.step // recipe.steps_per_epoch
        rate = learning_rate(recipe, self.step - 1)
        row: dict[str, float] = {"seconds": self.seconds, "learning_rate": rate}
        row |= {k: float(v) / recipe.steps_per_epoch for k, v in self.sums.items()}
        self.sums = {}
        if epoch % recipe.validate_every == 0 or self.step == recipe.num_steps:
            found = self.task.validate(self.candidate.eval())
            self.network.train()
            row |= {f"validation_{name}": float(value) for name, value in found.items()}
            if found["score"] < self.best_score:
                self.best_score, self.best_epoch = float(found["score"]), epoch
                self.best = {k: _copy_to_cpu(v) for k, v in self.candidate.state_dict().items()}
        known = {name: value for name, value in row.items() if not math.isnan(value)}
        self.history.append({"epoch": epoch, "step": self.step, **known})
        return self.history[-1]

    def check_finite(self) -> None:
        """Raise `NotConverged` if the loss of this epoch or the weights are not finite."""
        total = float(self.sums.get("total", 0.0))
        if math.isfinite(total) and all(p.isfinite().all() for p in self.network.parameters()):
            return
        what = "weights are not finite" if math.isfinite(total) else f"loss is {total}"
        epoch = -(-self.step // self.recipe.steps_per_epoch)
        rate = f"try a smaller learning rate than {self.recipe.learning_rate:g}"
        kept = f"the best weights so far, from epoch {self.best_epoch}, are kept"
        kept = kept if self.best else "no weights had been validated before"
        raise NotConverged(f"the {what} in epoch {epoch}: {rate}; {kept}")

    def tensors(self) -> dict[str, Tensor]:
        """Copies of all weights and moments, contiguous, on the CPU."""
        found = self.network.state_dict(prefix="network.")
        if self.average is not None:
            found |= self.average.state_dict(prefix="average.")
        found |= {f"best.{name}": value for name, value in self.best.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            found |= {f"adam.{index}.{name}": value for name, value in moments.items()}
        return {name: _copy_to_cpu(value) for name, value in found.items()}

    def numbers(self) -> dict[str, Any]:
        """Everything else that the next step depends on, and the log, for JSON."""
        sums = {name: float(value) for name, value in self.sums.items()}
        return {"sums": sums, **{name: getattr(self, name) for name in _NUMBERS}}

    def load_state(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """The inverse of `tensors` and `numbers`, bit for bit; torch raises if they do not fit."""
        self.network.load_state_dict(_with_prefix(tensors, "network."))
        if self.average is not None:
            self.average.load_state_dict(_with_prefix(tensors, "average."))
        self.best = _with_prefix(tensors, "best.")
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _with_prefix(tensors, "adam.").items():
            index, _, name = key.partition(".")
            if value.ndim:  # keep the strides of the parameter, which decide how sums are rounded
                value = torch.empty_like(parameters[int(index)]).detach().copy_(value)
            moments.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.sums = {
            name: torch.tensor(value, dtype=torch.float64, device=self.device)
            for name, value in numbers["sums"].items()
        }
        for name in _NUMBERS:
            setattr(self, name, numbers[name])


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate at ``step`` (from 0)."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    risen = (step + 1) / max(1, min(_WARMUP, recipe.num_steps // 10))
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.num_steps))
    return recipe.learning_rate * min(1.0, risen) * cosine


def _copy_to_cpu(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True).contiguous()


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
