"""``steepest learn``: train a network on the total variation flow, without ground truth."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from steepest.core.errors import InputError

from .certificates import finite
from .extras import need_torch
from .options import add_reporting, count, from_zero, number, positive
from .outcome import INTERRUPTED, OK

HELP = "train a network on the flow, without ground truth"
USAGE = "[DATA] -o FOLDER [options]"
DESCRIPTION = """\
Train a network to compute the total variation flow, from images alone: what is minimised is how
far its output is from solving the equation. Writes the weights of the best network so far
(weights.safetensors, weights.json), a log (log.csv) and a checkpoint into a folder. Stopped by
Ctrl-C or by --max-minutes, it continues with --resume as if nothing had happened.

DATA is a folder of images, or one of: skimage (freely licensed photographs that come with
scikit-image), generated (our own shapes and textures), mixed (both; what the presets use),
food101:FOLDER, stl10:FOLDER (downloaded by torchvision).
"""
EPILOG = """\
presets:
  paper        the TVflowNET paper's: 625 images, 750 epochs, one image at 50 times a step (default)
  paper-short  the same objective in hours on a CPU
  report       the preliminary report's loss: 55 epochs
  gap          the certificate itself, for the mean-flux network (its default)
  smoke        seconds, to see that it works

examples:
  steepest learn -o runs/unet --preset paper-short       the U-Net, on the bundled photographs
  steepest learn photos/ -o runs/lgd --network lgd --size 96 --epochs 100
  steepest learn -o runs/flux --network mean-flux --seed 1 --max-minutes 60
  steepest learn -o runs/flux --resume                   go on with it
  steepest learn -o runs/mixed --size 32,256 --batch 4 --precision bfloat16 --device cuda
  torchrun --nproc_per_node=2 -m steepest.cli learn -o runs/unet --batch 2     on two GPUs

Use the weights with steepest.learning.load("runs/unet/weights.safetensors").
"""
OBJECTIVES = ("paper", "report", "gap", "distillation")
PRESETS = ("paper", "paper-short", "report", "gap", "smoke")
NETWORKS = ("semi-resnet", "unet", "lgd", "mean-flux")

_SETTINGS = {  # option: setting of TrainingConfig
    "data": "data",
    "validation_data": "validation_data",
    "network": "network",
    "network_config": "network_config",
    "initial": "initial",
    "objective": "objective",
    "objective_options": "objective_options",
    "size": "crop",
    "epochs": "epochs",
    "images": "images",
    "batch": "batch",
    "parts": "parts",
    "times": "times",
    "learning_rate": "learning_rate",
    "schedule": "schedule",
    "warmup": "warmup",
    "clip": "clip",
    "ema": "ema",
    "seed": "seed",
    "precision": "precision",
    "device": "device",
    "criterion": "criterion",
    "validate_every": "validate_every",
    "checkpoint_minutes": "checkpoint_minutes",
    "max_minutes": "max_minutes",
    "tensorboard": "tensorboard",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``steepest learn``."""
    add = parser.add_argument
    add("data", nargs="?", metavar="DATA", help="images to learn from (default mixed)")
    add("-o", "--output", required=True, metavar="FOLDER", help="where everything is written")
    add("--resume", action="store_true", help="continue the training in that folder")
    add("--preset", choices=PRESETS, help="what the options below start from (default paper)")
    add("--network", choices=NETWORKS, help="what is trained (default unet)")
    add(
        "--network-config",
        type=_settings,
        metavar="JSON",
        help="arguments of its constructor: '{\"stages\": 3}'",
    )
    add("--initial", metavar="NAME", help="shipped or own weights to begin with (default: random)")
    add("--objective", choices=OBJECTIVES, help="what is minimised")
    add(
        "--objective-options",
        type=_settings,
        metavar="JSON",
        help='its weights and forms: \'{"tv_term": "mean", "alpha1": 0.1}\'',
    )
    _add_recipe(parser.add_argument_group("recipe"))
    _add_machine(parser.add_argument_group("running"))
    add_reporting(parser.add_argument_group("reporting"))


def _add_recipe(group: Any) -> None:
    add = group.add_argument
    add("--size", type=_crop, metavar="N", help="side of the crops; LOW,HIGH: another every step")
    add("--epochs", type=count, metavar="N", help="how long")
    add("--images", type=count, metavar="N", help="random crops in an epoch")
    add("--batch", type=count, metavar="N", help="images in a step")
    add("--times", type=count, metavar="N", help="times at which each is shown in a step")
    add("--learning-rate", type=positive, metavar="X", help="of Adam")
    add("--schedule", choices=("constant", "cosine"), help="of the learning rate")
    add("--warmup", type=from_zero, metavar="N", help="steps in which it rises first")
    add("--clip", type=number, metavar="X", help="longest gradient, 0 for any")
    add("--ema", type=number, metavar="X", help="average the weights with this decay, 0: do not")
    add("--seed", type=from_zero, metavar="N", help="of everything random")
    add(
        "--criterion",
        choices=("loss", "certificate", "psnr"),
        help="what is smallest in the best network: the loss (default), the guaranteed error, or "
        "(not unsupervised) the distance to the solver",
    )
    add("--validate-every", type=count, metavar="N", help="epochs between validations")
    add("--validation-data", metavar="DATA", help="instead of a held-out part of DATA")


def _add_machine(group: Any) -> None:
    add = group.add_argument
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1, or auto (default)")
    add("--precision", choices=("float32", "bfloat16"), help="of the network's convolutions")
    add("--parts", type=count, metavar="N", help="compute a batch in parts, for less memory")
    add("--threads", type=count, metavar="N", help="processors to use (default all)")
    add("--max-minutes", type=positive, metavar="X", help="stop then, to be resumed")
    add("--checkpoint-minutes", type=number, metavar="X", help="0: after every epoch")
    add("--tensorboard", action="store_true", default=None, help="also a log for TensorBoard")


def run(arguments: argparse.Namespace) -> int:
    """Train, and say what came out."""
    need_torch("learning")
    import torch

    from steepest.learning.training import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config, leads = _config(arguments), os.environ.get("RANK", "0") == "0"
    quiet = arguments.quiet or arguments.json or not leads
    try:
        with _display(config, quiet) as (on_epoch, on_step):
            result = train(
                config,
                arguments.output,
                on_epoch=on_epoch,
                on_step=on_step,
                resume=arguments.resume,
            )
    except KeyboardInterrupt:
        if leads:
            again = f"steepest learn -o {arguments.output} --resume"
            print(f"\nsteepest: interrupted; go on with: {again}", file=sys.stderr)
        return INTERRUPTED
    if leads:
        _report(result, arguments)
    return OK


def _config(arguments: argparse.Namespace) -> Any:
    """The preset, or what is being resumed, with the options given."""
    from steepest.learning.training import PRESETS as RECIPES
    from steepest.learning.training.checkpoint import has_checkpoint, stored_config

    folder = Path(arguments.output)
    if arguments.resume and not arguments.preset:
        if not has_checkpoint(folder):
            raise InputError(f"{folder}: holds no training; with --preset one is begun")
        base = stored_config(folder)
    else:
        default = "gap" if arguments.network == "mean-flux" else "paper"
        base = RECIPES[arguments.preset or default]
    given = {
        setting: getattr(arguments, option)
        for option, setting in _SETTINGS.items()
        if getattr(arguments, option) is not None
    }
    return replace(base, **given)


@contextmanager
def _display(
    config: Any, quiet: bool
) -> Iterator[tuple[Callable[[Any], None] | None, Callable[[Any], None] | None]]:
    """Callbacks: a line for every epoch on stdout, a bar on stderr if that is a terminal."""
    if quiet:
        yield None, None
        return
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    bar: Any = tqdm(total=config.num_steps, leave=False, disable=hidden, unit="step")

    def on_step(moment: Any) -> None:
        if not bar.n:
            bar.reset(moment.num_steps)
            bar.initial = moment.step - 1
        bar.update(moment.step - bar.n)

    def on_epoch(moment: Any) -> None:
        row = moment.row
        words = [f"epoch {moment.epoch}/{config.epochs}", f"loss {row['total']:.4g}"]
        if row["validation_score"] == row["validation_score"]:  # not NaN
            words.append(f"{config.criterion} of validation {row['validation_score']:.4g}")
        tqdm.write("  ".join([*words, f"{row['seconds']:.0f} s"]), file=sys.stdout)
        sys.stdout.flush()

    try:
        yield on_epoch, None if hidden else on_step
    finally:
        bar.close()


def _report(result: Any, arguments: argparse.Namespace) -> None:
    values = {
        "network": result.config.network,
        "weights": str(result.path),
        "log": str(result.path.with_name("log.csv")),
        "stopped": result.stopped,
        "steps": result.step,
        "num_steps": result.config.num_steps,
        "seconds": result.seconds,
        "criterion": result.config.criterion,
        "best_score": result.best_score,
        "best_epoch": result.best_epoch,
    }
    if arguments.json:
        print(json.dumps({"command": "learn", **finite(values)}, indent=2, allow_nan=False))
    elif not arguments.quiet:
        rest = "" if result.stopped == "finished" else ", time is up: go on with --resume"
        print(f"{values['steps']} of {values['num_steps']} steps in {result.seconds:.0f} s{rest}")
        best = f"epoch {result.best_epoch}, {values['criterion']} {result.best_score:.4g}"
        print(f"  best         {best}")
        print(f"  written      {result.path}")


def _crop(text: str) -> int | tuple[int, int]:
    """ "32", or "32,256"."""
    sizes = [count(part) for part in text.split(",")]
    if len(sizes) > 2 or min(sizes) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} must be a size from 2, or LOW,HIGH")
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])


def _settings(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value
