"""``steepest learn``: train a network on the total variation flow, without ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from steepest.learning.flows.training.config import TrainingConfig
from steepest.learning.flows.training.presets import PRESETS

from . import training
from .extras import need_torch
from .options import add_reporting, count

HELP = "train a network on the flow, without ground truth"
USAGE = "[DATA] -o FOLDER [options]"
DESCRIPTION = """\
Train a network to compute the total variation flow. It learns from images alone, without ground
truth: the loss measures how far its output is from solving the equation. The folder receives a
checkpoint, a log (log.csv) and, from the first validation on, the weights of the best network so
far (weights.safetensors, weights.json). After Ctrl-C or --max-minutes, --resume continues the
training as if it had never been stopped.

DATA is a folder of images, or one of: skimage (freely licensed photographs that come with
scikit-image), generated (generated shapes and textures), mixed (both; what the presets use).
"""
EPILOG = """\
presets:
  paper        the TVflowNET paper's: 625 images, 750 epochs, 1 image at 50 times per step (default)
  paper-short  the same objective in hours on a CPU
  report       the preliminary report's loss: 55 epochs
  gap          the certificate itself, for the mean-flux network (its default)
  smoke        seconds, to see that it works

examples:
  steepest learn -o runs/unet --preset paper-short       the U-Net, on the bundled photographs
  steepest learn photos/ -o runs/lgd --network lgd --size 96 --epochs 100
  steepest learn -o runs/flux --network mean-flux --seed 1 --max-minutes 60
  steepest learn -o runs/flux --resume                   continue this training
  steepest learn -o runs/mixed --size 32,256 --batch 4 --precision bfloat16 --device cuda

Use the weights with steepest.learning.load("runs/unet/weights.safetensors").
"""
OBJECTIVES = ("paper", "gap")
NETWORKS = ("semi-resnet", "unet", "lgd", "mean-flux")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest learn``."""
    add = parser.add_argument
    add("data", nargs="?", metavar="DATA", help="images to learn from (default mixed)")
    add("-o", "--output", required=True, metavar="FOLDER", help="where everything is written")
    add("--resume", action="store_true", help="continue the training in that folder")
    add("--preset", choices=PRESETS, help="what the options below start from (default paper)")
    add("--network", choices=NETWORKS, help="what is trained (default unet)")
    add(
        "--network-config",
        type=training.json_object,
        metavar="JSON",
        help="arguments of its constructor: '{\"stages\": 3}'",
    )
    add("--initial", metavar="NAME", help="shipped or own weights to begin with (default: random)")
    add("--objective", choices=OBJECTIVES, help="what is minimised")
    add(
        "--objective-options",
        type=training.json_object,
        metavar="JSON",
        help='its weights and forms: \'{"tv_term": "mean", "alpha1": 0.1}\'',
    )
    _add_recipe(parser.add_argument_group("recipe"))
    training.add_machine(parser.add_argument_group("running"))
    add_reporting(parser.add_argument_group("reporting"))


def _add_recipe(group: Any) -> None:
    add = group.add_argument
    add(
        "--size",
        dest="crop",
        type=_crop,
        metavar="N",
        help="side of the crops; LOW,HIGH: a random one in each step",
    )
    add("--images", type=count, metavar="N", help="random crops per epoch")
    add("--times", type=count, metavar="N", help="times at which each crop is shown per step")
    training.add_recipe(group)
    add(
        "--validation-data",
        metavar="DATA",
        help="images to validate on (default: a held-out part of DATA)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train the network and report the result."""
    need_torch("learning")
    from steepest.learning.flows.training import train

    return training.run(
        train,
        _config(arguments),
        arguments,
        command="steepest learn",
        measures=lambda row: [f"loss of validation {row['validation_score']:.4g}"],
        best=lambda row: f"loss {row['validation_score']:.4g}",
    )


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    """Return the preset, or the configuration to resume, updated with the given options."""
    if arguments.resume and not arguments.preset:
        from steepest.learning.training.files import stored_config

        base = stored_config(Path(arguments.output), TrainingConfig)
    else:
        default = "gap" if arguments.network == "mean-flux" else "paper"
        base = PRESETS[arguments.preset or default]
    return training.with_options(base, arguments)


def _crop(text: str) -> int | tuple[int, int]:
    """Parse a crop size, "32", or a range of sizes, "32,256"."""
    sizes = [count(part) for part in text.split(",")]
    if len(sizes) > 2 or min(sizes) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} must be a size from 2, or LOW,HIGH")
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])
