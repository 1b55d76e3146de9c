"""``python -m experiments.inverse_layers train``: train a network on images with masks."""

from __future__ import annotations

import argparse
import math
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from experiments.inverse_layers.geometry import FITS
from experiments.inverse_layers.noise import KINDS as NOISES
from steepest.cli import training
from steepest.cli.extras import need
from steepest.cli.options import add_reporting, count, from_zero, number
from steepest.core.errors import InputError

from .command_layers import NONE, add_layer, given_gain_limit, given_layer

HELP = "train a segmentation network on images with masks"
USAGE = "IMAGES [MASKS] -o FOLDER [options]"
DESCRIPTION = """\
Train a segmentation network on images with masks. This writes the weights of the best epoch
(weights.safetensors, weights.json), a log (log.csv) and a checkpoint into a folder. A training that
was stopped by Ctrl-C or --max-minutes continues exactly where it was with --resume.

IMAGES and MASKS are folders. A mask has the same name as its image: images/cell7.jpg,
masks/cell7.png. They may also share one folder: cell7.jpg and cell7.png or, with --ending _mask,
cell7.png and cell7_mask.png. Masks are PNG or TIFF files with one number per pixel. Each number is
a class; the smallest is the background.
"""
_PROGRAM = "python -m experiments.inverse_layers"
EPILOG = f"""\
examples:
  {_PROGRAM} train images/ masks/ -o runs/cells

  masks with numbered objects; with the values 0, 128 and 255; with smooth edges:
  {_PROGRAM} train images/ labels/ -o runs/nuclei --instances
  {_PROGRAM} train cells/ -o runs/cells --values 0,128,255 --epochs 50
  {_PROGRAM} train images/ masks/ -o runs/drawn --threshold 128

  layers between network and loss; noisy labels:
  {_PROGRAM} train images/ masks/ -o runs/smooth --layer default
  {_PROGRAM} train images/ masks/ -o runs/tv --evolution total-variation --steps 5 --dt 0.1
  {_PROGRAM} train images/ masks/ -o runs/noisy --noise independent --noise-area 0.1

  continue a training:
  {_PROGRAM} train -o runs/cells --resume

Use the weights with "{_PROGRAM} predict", or with experiments.inverse_layers.load in Python.
"""
NETWORKS = ("segmentation-unet", "deeplabv3+", "hrnet")
LOSSES = ("cross-entropy", "label-smoothing", "generalised-cross-entropy", "gradient-penalty")
CRITERIA = ("dice", "noisy-dice", "mean-iou", "loss")
DEFAULT_NETWORK, DEFAULT_BASE, DEFAULT_RATE = NETWORKS[0], 16, 1e-3
_SHARE = 10  # one pair in ten is held out
_FEW = 6  # more numbers than this in masks are rarely classes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``train``."""
    add = parser.add_argument
    add("data", nargs="?", metavar="IMAGES", help="folder of images")
    add("masks", nargs="?", metavar="MASKS", help="folder of masks (default: the same)")
    add("-o", "--output", required=True, metavar="FOLDER", help="folder for the results")
    add("--resume", action="store_true", help="continue the training in that folder")
    _add_masks(parser.add_argument_group("reading masks and images"))
    _add_examples(parser.add_argument_group("training images"))
    _add_network(parser.add_argument_group("network and loss"))
    add_layer(parser.add_argument_group("inverse evolution layer (between network and loss)"))
    _add_noise(parser.add_argument_group("label noise (for experiments)"))
    group = parser.add_argument_group("recipe (default: 20 epochs, 4 images per step, rate 0.001)")
    training.add_recipe(group)
    group.add_argument(
        "--criterion",
        choices=CRITERIA,
        help="how the best weights are chosen: by dice on the validation pairs (default), dice "
        "against noisy labels, mean IoU, or loss",
    )
    training.add_machine(parser.add_argument_group("running"))
    add_reporting(parser.add_argument_group("reporting"))


def _add_masks(group: Any) -> None:
    add = group.add_argument
    add(
        "--instances",
        action="store_true",
        default=None,
        help="masks have numbered objects: every number above 0 is class 1",
    )
    add(
        "--values",
        type=_integers,
        metavar="A,B,..",
        help="numbers of the classes 0, 1, .. in masks (default: those found, at most 32)",
    )
    add(
        "--threshold",
        type=_integer,
        metavar="N",
        help="masks have smooth edges: numbers from N on are class 1",
    )
    add("--ignore", type=_integer, metavar="N", help="ignore pixels with this number")
    add("--ending", metavar="TEXT", help="ending that masks add to the image's name, as _mask")
    add(
        "--channels",
        type=int,
        choices=(1, 3),
        help="convert all images to greyscale (1) or colour (3); default: as they are",
    )


def _add_examples(group: Any) -> None:
    add = group.add_argument
    add(
        "--validation",
        dest="num_validation",
        type=count,
        metavar="N",
        help="number of pairs held out to measure dice and IoU (default: a tenth)",
    )
    add(
        "--training",
        dest="num_training",
        type=count,
        metavar="N",
        help="train on N of the others (default all)",
    )
    add("--split-seed", type=from_zero, metavar="N", help="seed that selects them (default 0)")
    add("--size", type=_size, metavar="N", help="side in training, or HEIGHT,WIDTH (default 128)")
    add(
        "--fit",
        choices=FITS,
        help="how images get this size: by a new window in every epoch (crop, default), by "
        "stretching or by padding",
    )
    add(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="mirror at random along both axes (default)",
    )


def _add_network(group: Any) -> None:
    add = group.add_argument
    add("--network", choices=NETWORKS, help=f"default {DEFAULT_NETWORK}; others need more packages")
    add(
        "--network-config",
        type=training.json_object,
        metavar="JSON",
        help="arguments of the network's constructor: '{\"depth\": 4}'",
    )
    add(
        "--base",
        type=count,
        metavar="N",
        help=f"channels of the finest level (default {DEFAULT_BASE}; the paper's U-Net has 64)",
    )
    add("--depth", type=count, metavar="N", help="number of levels (default 5)")
    add("--loss", choices=LOSSES, help="default cross-entropy")
    add(
        "--loss-options",
        type=training.json_object,
        metavar="JSON",
        help="options of the loss: '{\"smoothing\": 0.1}', '{\"q\": 0.7}', '{\"weight\": 0.1}'",
    )


def _add_noise(group: Any) -> None:
    add = group.add_argument
    add(
        "--noise",
        choices=NOISES,
        help="corrupt the training labels: in windows drawn once per image (independent), in every "
        "epoch (redrawn), or the same for all images (shared); in single pixels, changed (flip) or "
        "removed (sparse); by squares with the label of their centre (coarse)",
    )
    add("--noise-area", type=number, metavar="X", help="fraction of the pixels (default 0.1)")
    add("--noise-window", type=count, metavar="N", help="side of windows or squares (default 2)")


def run(arguments: argparse.Namespace) -> int:
    """Train and report the result."""
    need("training", ("torch", "safetensors"), "experiments")
    from experiments.inverse_layers import train

    config = _config(arguments)
    noisy = config.noise.get("kind", NONE) != NONE
    with _short_warnings():
        return training.run(
            partial(train, on_pairs=partial(_understood, arguments)),
            config,
            arguments,
            command=f"{_PROGRAM} train",
            measures=partial(_in_words, noisy),
            best=lambda row: ", ".join(_in_words(noisy, row)),
            summary=_measures,
            advice=lambda result: (
                f"try it with: {_PROGRAM} predict {shlex.quote(str(result.path))} IMAGES -o PLACE"
            ),
        )


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Print warnings of the library in the style of the command, and leave others unchanged."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def brief(message: Any, category: type[Warning], *rest: Any, **more: Any) -> None:
            if category.__module__.startswith("steepest."):
                text = " ".join(str(message).split())
                print(f"steepest: warning: {text}", file=sys.stderr)
            else:
                show(message, category, *rest, **more)

        warnings.showwarning = brief  # type: ignore[assignment]
        yield


def _config(arguments: argparse.Namespace) -> Any:
    """The defaults, or the settings of the training to resume, with the given options."""
    from experiments.inverse_layers import SegmentationConfig

    if arguments.resume:
        from steepest.learning.training.files import stored_config

        base = stored_config(Path(arguments.output), SegmentationConfig)
    else:
        base = _beginning(arguments)
    network_config = arguments.network_config or base.network_config
    return training.with_options(
        base,
        arguments,
        network_config={**network_config, **training.given(arguments, "base", "depth")},
        layer=given_layer(arguments, base.layer),
        gain_limit=given_gain_limit(arguments, base.gain_limit),
        noise=_noise(arguments, base.noise),
    )


def _beginning(arguments: argparse.Namespace) -> Any:
    """The defaults of a new training."""
    from experiments.inverse_layers import SegmentationConfig

    if arguments.data is None:
        raise InputError("a folder of images is needed (or --resume, to continue a training)")
    own = arguments.network in (None, DEFAULT_NETWORK) and arguments.network_config is None
    return SegmentationConfig(
        data=arguments.data,
        num_validation=arguments.num_validation or _tenth(arguments),
        mirror=True,
        network_config={"base": DEFAULT_BASE} if own else {},
    ).replace(learning_rate=DEFAULT_RATE)


def _tenth(arguments: argparse.Namespace) -> int:
    """A tenth of the pairs, at least one."""
    from experiments.inverse_layers.matching import match

    total = len(match(arguments.data, arguments.masks, arguments.ending or ""))
    if total < 2:
        raise InputError(
            f"{arguments.data}: only one pair; at least two are needed, one of them to validate"
        )
    return max(1, round(total / _SHARE))


def _noise(arguments: argparse.Namespace, base: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the label noise."""
    options = {"kind": "noise", "area": "noise_area", "window": "noise_window"}
    values = {name: getattr(arguments, option) for name, option in options.items()}
    noise = {**base, **{name: value for name, value in values.items() if value is not None}}
    if noise and "kind" not in noise:
        raise InputError(f"--noise-area, --noise-window: also give --noise ({', '.join(NOISES)})")
    return noise


def _understood(arguments: argparse.Namespace, fitted: Any, held_out: Any) -> None:
    """Print how the masks were read, and warn if their numbers do not look like classes."""
    classes, total = fitted.classes, len(fitted) + len(held_out)
    values = ", ".join(map(str, classes.values))
    words = f"classes {values} in {total} masks"
    if classes.instances:
        words = f"objects (above 0) in {total} masks"
    elif classes.threshold is not None:
        words = f"objects (from {classes.threshold} on) in {total} masks"
    elif len(classes.values) > _FEW and arguments.values is None:
        print(
            f"steepest: warning: the masks contain {len(classes.values)} different numbers, each "
            "of which is taken as a class. For numbered objects use --instances; for smooth edges "
            f"--threshold 128 (say); if they are classes, --values {values.replace(' ', '')}",
            file=sys.stderr,
        )
    if not (arguments.quiet or arguments.json):
        print(f"{words}; {len(fitted)} to train on, {len(held_out)} held out", flush=True)


def _in_words(noisy: bool, row: Mapping[str, float]) -> list[str]:
    """Dice and mean IoU on the validation pairs, in words."""
    shown = {"dice": "dice", "noisy dice": "noisy_dice", "mean IoU": "mean_iou"}
    if not noisy:
        del shown["noisy dice"]
    return [f"{word} {row.get(f'validation_{name}', math.nan):.3f}" for word, name in shown.items()]


def _measures(result: Any) -> dict[str, Any]:
    """Dice and mean IoU of the best epoch, and the numbers of pairs."""
    row = next(row for row in result.history if row["epoch"] == result.best_epoch)
    return {
        **{name: row.get(f"validation_{name}") for name in ("dice", "mean_iou")},
        "images": result.config.recipe.images,
        "validation_images": result.config.num_validation,
    }


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number")
    return int(text)


def _integers(text: str) -> tuple[int, ...]:
    """Parse "0,128,255"."""
    return tuple(_integer(part) for part in text.split(","))


def _size(text: str) -> tuple[int, int]:
    """Parse "128", "96,128" or "96x128"."""
    sides = [count(part) for part in re.split("[,x]", text)]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} must be a side, or HEIGHT,WIDTH")
    return sides[0], sides[-1]
