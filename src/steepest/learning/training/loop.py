"""Training a network, from the first step or from a checkpoint, to weights on disk."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...core.errors import InputError, NotConverged
from .. import weights
from ..objectives import Objective, check_objective, find_objective
from .checkpoint import has_checkpoint, read_checkpoint, restore, save_checkpoint
from .config import TrainingConfig
from .data import open_data
from .distributed import Team, team
from .learner import Learner, count_parts, learning_rate, make_learner, take_step
from .log import NAME as LOG_NAME
from .log import Log, read_log
from .sources import Source
from .stopping import Stop, watch
from .validation import Validation, make_validation


@dataclass(frozen=True)
class Moment:
    """Where a training is: ``step`` of ``num_steps``; ``row`` is the row of the log of an epoch."""

    step: int
    num_steps: int
    epoch: int
    row: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training has led to.

    ``network``: the best weights, in eval mode; ``path``: where they were saved; ``stopped``:
    "finished" or "time" (``max_minutes`` were over: train again to go on); ``best_score``: the
    smallest value of the criterion, in epoch ``best_epoch``; ``history``: the rows of ``log.csv``.
    """

    network: nn.Module
    config: TrainingConfig
    path: Path
    stopped: str
    step: int
    seconds: float
    best_score: float
    best_epoch: int
    history: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, eq=False)
class _Setting:
    """What does not change during a training."""

    config: TrainingConfig
    folder: Path
    team: Team
    objective: Objective
    source: Source
    validation: Validation
    stop: Stop


def train(
    config: TrainingConfig,
    folder: str | os.PathLike[str],
    *,
    on_epoch: Callable[[Moment], None] | None = None,
    on_step: Callable[[Moment], None] | None = None,
    resume: bool = True,
) -> TrainingResult:
    """Train a network without ground truth.

    Writes into ``folder``: ``log.csv`` (one row an epoch), ``checkpoint.json`` with a safetensors
    file, and ``weights.safetensors`` with ``weights.json``, the best network so far, which
    :func:`steepest.learning.load` reads. A training that was stopped or killed continues from its
    checkpoint as if nothing had happened: weights, moments and log are the same bit for bit (on
    the same machine with the same number of threads).

    Started by ``torchrun`` in several processes, these share the batches; the result is that of
    one process up to rounding. A batch that is not a multiple of their number is enlarged.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; :data:`.presets.PRESETS` has some.
    folder : path
        Made if it does not exist.
    on_epoch, on_step : callables
        Called (in the first process) with a :class:`Moment` after every epoch, every step.
    resume : bool
        Continue what is in ``folder``; False: there must not be any checkpoint, weights or rows of
        a log. Weights without a checkpoint are never replaced.

    Raises
    ------
    InputError
        A setting is wrong; what is in ``folder`` is damaged or was made with other settings.
    NotConverged
        The loss or the weights are no longer finite. The last checkpoint and the best weights so
        far are kept.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, when the checkpoint is written; a second Ctrl-C does not wait.
    """
    folder = Path(folder)
    with team(config.device) as members, watch(config.max_minutes) as stop:
        config = share_batch(config, members)
        document = _stored(folder, config, resume)
        network = _make_network(config, members.device, begin=document is None)
        setting = _prepare(config, folder, members, stop)
        _rehearse(setting, network)
        learner = make_learner(network, config)
        if document is not None:
            restore(folder, document, learner)
        members.wait()  # nobody reads any more when the first process begins to write
        if not members.leads:
            stopped = _run(setting, learner, None, None, None)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            size = document["log_bytes"] if document is not None else 0
            with closing(Log(folder, size, tensorboard=config.tensorboard)) as log:
                stopped = _run(setting, learner, log, on_epoch, on_step)
                _store(setting, learner, log)
        members.wait()
        if stopped == "interrupted":
            raise KeyboardInterrupt
        return _result(setting, learner, stopped)


def share_batch(config: TrainingConfig, members: Team) -> TrainingConfig:
    """The configuration with the next larger batch that all processes can share."""
    parts = count_parts(config, members)
    return replace(config, batch=-(-config.batch // parts) * parts)


def _stored(folder: Path, config: TrainingConfig, resume: bool) -> dict[str, Any] | None:
    """The checkpoint to continue from, None to begin."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, a folder is needed")
    if not has_checkpoint(folder):
        _refuse_remains(folder, resume)
        return None
    if not resume:
        raise InputError(f"{folder}: holds a training already; resume it, or take another folder")
    document = read_checkpoint(folder)
    differences = config.differences(TrainingConfig.from_json(document["config"]))
    if config.schedule == "constant":
        differences = [text for text in differences if not text.startswith("epochs:")]
    if differences:
        raise InputError(f"{folder}: was begun with other settings ({'; '.join(differences)})")
    return document


def _refuse_remains(folder: Path, resume: bool) -> None:
    """Nothing that a training has left is lost: weights, and without ``resume`` a log with rows."""
    remains = sorted(folder.glob("weights.*"))
    log = folder / LOG_NAME
    if not resume and log.is_file() and log.stat().st_size:
        remains.append(log)
    if remains:
        names = ", ".join(path.name for path in remains)
        raise InputError(
            f"{folder}: holds {names} of a training, but no checkpoint to continue from; take "
            "another folder, or remove them"
        )


def _prepare(config: TrainingConfig, folder: Path, members: Team, stop: Stop) -> _Setting:
    objective = find_objective(config.objective, config.objective_options)
    largest = config.crop_range[1]
    source = open_data(config.data, held_out=False, largest_crop=largest, seed=config.seed)
    held_out = config.validation_data is None
    name = config.validation_data or config.data
    other = open_data(name, held_out=held_out, largest_crop=largest)
    validation = make_validation(other, config, objective, members.device)
    return _Setting(config, folder, members, objective, source, validation, stop)


def _rehearse(setting: _Setting, network: nn.Module) -> None:
    """Try the options of the objective on two images before anything is written."""
    options = setting.config.objective_options
    if not options:
        return
    u0, t = (tensor[:2] for tensor in setting.validation.batches[0])
    try:
        with torch.no_grad():
            setting.objective(network, u0, t, torch.Generator(u0.device))
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"objective_options={dict(options)!r}: {error}") from None


def _make_network(config: TrainingConfig, device: torch.device, *, begin: bool) -> nn.Module:
    """A new network, its weights drawn from the seed; the global random state stays as it was.

    ``begin`` False: its weights come from a checkpoint, those of ``config.initial`` are not read.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = weights.build(config.network, dict(config.network_config))
    if begin and config.initial is not None:
        first = weights.load(config.initial)
        if type(first) is not type(network) or first.config() != network.config():  # type: ignore[operator]
            raise InputError(
                f"initial={config.initial!r}: a {type(first).__name__}, or of another configuration"
            )
        network.load_state_dict(first.state_dict())
    check_objective(config.objective, network)
    if config.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


def _run(
    setting: _Setting,
    learner: Learner,
    log: Log | None,
    on_epoch: Callable[[Moment], None] | None,
    on_step: Callable[[Moment], None] | None,
) -> str:
    """Steps until the end or until asked to stop; why it ended."""
    config, begun, stored = setting.config, time.monotonic() - learner.seconds, time.monotonic()
    learner.network.train()
    while learner.step < config.num_steps:
        take_step(learner, setting.objective, setting.source, config, setting.team)
        learner.seconds = time.monotonic() - begun
        row: Mapping[str, float] = {}
        epoch_ends = learner.step % config.steps_per_epoch == 0
        if epoch_ends:
            row = _end_epoch(setting, learner)
        moment = Moment(
            learner.step, config.num_steps, -(-learner.step // config.steps_per_epoch), row
        )
        if log is not None and epoch_ends:
            log.add(row)
        if on_step is not None:
            on_step(moment)
        if on_epoch is not None and epoch_ends:
            on_epoch(moment)
        elapsed = (time.monotonic() - stored) / 60
        due = elapsed >= config.checkpoint_minutes and (epoch_ends or config.checkpoint_minutes > 0)
        if log is not None and due:
            _store(setting, learner, log)
            stored = time.monotonic()
        reason = setting.stop.reason(setting.team)
        if reason and learner.step < config.num_steps:
            return reason
    return "finished"


def _end_epoch(setting: _Setting, learner: Learner) -> dict[str, float]:
    """Means over the epoch and, where it is due, validation (else NaN): a row of the log.

    Raises
    ------
    NotConverged
        The loss or the weights are NaN or infinite.
    """
    _check_finite(setting, learner)
    config = setting.config
    epoch = learner.step // config.steps_per_epoch
    means = {name: float(value) / config.steps_per_epoch for name, value in learner.sums.items()}
    learner.sums = {}
    row: dict[str, float] = {"epoch": epoch, "step": learner.step}
    row |= {"learning_rate": learning_rate(config, learner.step - 1), **means}
    names = [name for name in means if name != "gradient"] + ["score"]
    found = dict.fromkeys(names, math.nan)
    if epoch % config.validate_every == 0 or learner.step == config.num_steps:
        learner.candidate.eval()
        found = setting.validation(learner.candidate)
        learner.network.train()
        learner.keep_best(found["score"], epoch)
    checked = {f"validation_{name}": value for name, value in found.items()}
    return row | checked | {"seconds": learner.seconds}


def _check_finite(setting: _Setting, learner: Learner) -> None:
    """Refuse to go on from NaN or infinity; the best weights so far are on disk afterwards.

    Raises
    ------
    NotConverged
        The loss of this epoch or the weights are not finite.
    """
    total = float(learner.sums.get("total", 0.0))
    finite = all(bool(torch.isfinite(p).all()) for p in learner.network.parameters())
    if math.isfinite(total) and finite:
        return
    what = "weights are not finite" if math.isfinite(total) else f"loss is {total}"
    kept = "no weights were validated before that"
    if learner.best:
        if setting.team.leads:
            _save_best(setting, learner)
        kept = f"the best weights so far, of epoch {learner.best_epoch}, are in {setting.folder}"
    config = setting.config
    raise NotConverged(
        f"the {what} in epoch {-(-learner.step // config.steps_per_epoch)}: try a smaller learning "
        f"rate than {config.learning_rate:g}; {kept}"
    )


def _store(setting: _Setting, learner: Learner, log: Log) -> None:
    """The checkpoint, and the best network so far (the present one before the first validation).

    Raises
    ------
    NotConverged
        What would be stored is not finite: the last checkpoint stays.
    """
    _check_finite(setting, learner)
    save_checkpoint(setting.folder, learner, setting.config, log.size)
    _save_best(setting, learner)


def _save_best(setting: _Setting, learner: Learner) -> None:
    network = _best_network(setting, learner)
    weights.save(network, _weights_path(setting), _metadata(setting, learner))


def _weights_path(setting: _Setting) -> Path:
    return setting.folder / "weights"


def _best_network(setting: _Setting, learner: Learner) -> nn.Module:
    network = weights.build(setting.config.network, dict(setting.config.network_config))
    state = learner.best or learner.candidate.state_dict()
    network.load_state_dict(state)
    return network.eval()


def _metadata(setting: _Setting, learner: Learner) -> dict[str, Any]:
    import steepest

    return {
        "steepest": steepest.__version__,
        "torch": torch.__version__,
        "training": setting.config.as_json(),
        "steps": learner.step,
        "seconds": round(learner.seconds, 1),
        "processes": setting.team.size,
        "threads": torch.get_num_threads(),
        "device": _device_name(setting.team.device),
        "best_epoch": learner.best_epoch,
        "best_score": learner.best_score if learner.best else None,
        "data": dict(setting.source.licences),
    }


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _result(setting: _Setting, learner: Learner, stopped: str) -> TrainingResult:
    return TrainingResult(
        network=_best_network(setting, learner),
        config=setting.config,
        path=_weights_path(setting).with_suffix(".safetensors"),
        stopped=stopped,
        step=learner.step,
        seconds=learner.seconds,
        best_score=learner.best_score,
        best_epoch=learner.best_epoch,
        history=tuple(read_log(setting.folder)),
    )
