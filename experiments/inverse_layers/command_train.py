"""``python -m experiments.inverse_layers train``: train a network on images with masks."""

from __future__ import annotations

import math
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from experiments.inverse_layers.geometry import FITS
from experiments.inverse_layers.noise import KINDS as NOISES
from steepest.cli import training
from steepest.cli.choices import Reporting
from steepest.cli.extras import need
from steepest.cli.types import Count, FromZero, JSONObject, Number, count, word
from steepest.core.errors import InputError

from .command_layers import NONE, LayerChoice

_PROGRAM = "python -m experiments.inverse_layers"
NETWORKS = ("segmentation-unet", "deeplabv3+", "hrnet")
LOSSES = ("cross-entropy", "label-smoothing", "generalised-cross-entropy", "gradient-penalty")
CRITERIA = ("dice", "noisy-dice", "mean-iou", "loss")
DEFAULT_NETWORK, DEFAULT_BASE, DEFAULT_RATE = NETWORKS[0], 16, 1e-3
_SHARE = 10  # one pair in ten is held out
_FEW = 6  # more numbers than this in masks are rarely classes


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d+", text.strip()):
        raise ValueError(f"{text!r} must be a whole number")
    return int(text)


def _integers(text: str) -> tuple[int, ...]:
    """Parse "0,128,255"."""
    return tuple(_integer(part) for part in text.split(","))


def _size(text: str) -> tuple[int, int]:
    """Parse "128", "96,128" or "96x128"."""
    sides = [count(part) for part in re.split("[,x]", text)]
    if len(sides) > 2:
        raise ValueError(f"{text!r} must be a side, or HEIGHT,WIDTH")
    return sides[0], sides[-1]


_Integer = Annotated[int, word(_integer, "N")]


def _one_of(names: tuple[str, ...]) -> Parameter:
    return Parameter(choices=names)


@Parameter(name="*", group=Group("Reading masks and images"))
@dataclass(frozen=True)
class MaskChoice:
    """How masks and images are read."""

    instances: bool = False
    """masks have numbered objects: every number above 0 is class 1"""
    values: Annotated[tuple[int, ...] | None, word(_integers, "A,B,..")] = None
    """numbers of the classes 0, 1, .. in masks (default: those found, at most 32)"""
    threshold: _Integer | None = None
    """masks have smooth edges: numbers from N on are class 1"""
    ignore: _Integer | None = None
    """ignore pixels with this number"""
    ending: Annotated[str | None, Parameter(metavar="TEXT")] = None
    """ending that masks add to the image's name, as _mask"""
    channels: Literal[1, 3] | None = None
    """convert all images to greyscale (1) or colour (3); default: as they are"""

    def settings(self, base: Any) -> dict[str, Any]:
        return {**training.settings_of(self), "instances": self.instances or base.instances}


@Parameter(name="*", group=Group("Training images"))
@dataclass(frozen=True)
class ExampleChoice:
    """Which images the network is trained on."""

    validation: Count | None = None
    """number of pairs held out to measure dice and IoU (default: a tenth)"""
    training: Count | None = None
    """train on N of the others (default all)"""
    split_seed: FromZero | None = None
    """seed that selects them (default 0)"""
    size: Annotated[tuple[int, int] | None, word(_size, "N")] = None
    """side in training, or HEIGHT,WIDTH (default 128)"""
    fit: Annotated[str | None, _one_of(FITS)] = None
    """how images get this size: by a new window in every epoch (crop, default), by stretching or by
    padding"""
    mirror: Annotated[bool | None, Parameter(negative="--no-mirror")] = None
    """mirror at random along both axes (default)"""

    def settings(self, base: Any) -> dict[str, Any]:
        return training.settings_of(
            num_validation=self.validation, num_training=self.training, size=self.size,
            split_seed=self.split_seed, fit=self.fit, mirror=self.mirror,
        )  # fmt: skip


@Parameter(name="*", group=Group("Network and loss"))
@dataclass(frozen=True)
class NetworkChoice:
    """What is trained, and what is minimised."""

    network: Annotated[str | None, _one_of(NETWORKS)] = None
    """default segmentation-unet; others need more packages"""
    network_config: JSONObject | None = None
    """arguments of the network's constructor: '{"depth": 4}'"""
    base: Count | None = None
    """channels of the finest level (default 16; the paper's U-Net has 64)"""
    depth: Count | None = None
    """number of levels (default 5)"""
    loss: Annotated[str | None, _one_of(LOSSES)] = None
    """default cross-entropy"""
    loss_options: JSONObject | None = None
    """options of the loss: '{"smoothing": 0.1}', '{"q": 0.7}', '{"weight": 0.1}'"""

    def settings(self, base: Any) -> dict[str, Any]:
        own = training.settings_of(base=self.base, depth=self.depth)
        config = {**(self.network_config or base.network_config), **own}
        rest = {"loss": self.loss, "loss_options": self.loss_options, "network": self.network}
        return training.settings_of(network_config=config, **rest)


@Parameter(name="*", group=Group("Label noise (for experiments)"))
@dataclass(frozen=True)
class LabelNoise:
    """How training labels are corrupted."""

    noise: Annotated[str | None, _one_of(NOISES)] = None
    """corrupt the training labels: in windows drawn once per image (independent), in every epoch
    (redrawn), or the same for all images (shared); in single pixels, changed (flip) or removed
    (sparse); by squares with the label of their centre (coarse)"""
    noise_area: Number | None = None
    """fraction of the pixels (default 0.1)"""
    noise_window: Count | None = None
    """side of windows or squares (default 2)"""

    def settings(self, base: Any) -> dict[str, Any]:
        own = {"kind": self.noise, "area": self.noise_area, "window": self.noise_window}
        noise = {**base.noise, **training.settings_of(**own)}
        if noise and "kind" not in noise:
            names = ", ".join(NOISES)
            raise InputError(f"--noise-area, --noise-window: also give --noise ({names})")
        return {"noise": noise}


def train(
    images: Annotated[str | None, Parameter(name="IMAGES")] = None,
    masks: Annotated[str | None, Parameter(name="MASKS")] = None,
    /,
    *,
    output: Annotated[str, training.FOLDER],
    resume: bool = False,
    files: MaskChoice = MaskChoice(),
    examples: ExampleChoice = ExampleChoice(),
    network: NetworkChoice = NetworkChoice(),
    layer: LayerChoice = LayerChoice(),
    noise: LabelNoise = LabelNoise(),
    recipe: training.RecipeChoice = training.RecipeChoice(),
    criterion: Annotated[str | None, _one_of(CRITERIA), Parameter(group=training.RECIPE)] = None,
    machine: training.MachineChoice = training.MachineChoice(),
    reporting: Reporting = Reporting(),
) -> int:
    """Train a segmentation network on images with masks.

    This writes the weights of the best epoch (weights.safetensors, weights.json), a log (log.csv)
    and a checkpoint into a folder. A training that was stopped by Ctrl-C or --max-minutes continues
    exactly where it was with --resume. The default recipe: 20 epochs, 4 images per step, rate
    0.001.

    IMAGES and MASKS are folders. A mask has the same name as its image: images/cell7.jpg,
    masks/cell7.png. They may also share one folder: cell7.jpg and cell7.png or, with --ending
    _mask, cell7.png and cell7_mask.png. Masks are PNG or TIFF files with one number per pixel. Each
    number is a class; the smallest is the background.

    Parameters
    ----------
    images
        folder of images
    masks
        folder of masks (default: the same)
    output
        folder for the results
    resume
        continue the training in that folder
    criterion
        how the best weights are chosen: by dice on the validation pairs (default), dice against
        noisy labels, mean IoU, or loss

    Examples
    --------
    python -m experiments.inverse_layers train images/ masks/ -o runs/cells

    masks with numbered objects; with the values 0, 128 and 255; with smooth edges:
    python -m experiments.inverse_layers train images/ labels/ -o runs/nuclei --instances
    python -m experiments.inverse_layers train cells/ -o runs/cells --values 0,128,255 --epochs 50
    python -m experiments.inverse_layers train images/ masks/ -o runs/drawn --threshold 128

    layers between network and loss; noisy labels:
    python -m experiments.inverse_layers train images/ masks/ -o runs/smooth --layer default
    python -m experiments.inverse_layers train photos/ -o tv --evolution heat --steps 5 --dt 0.1
    python -m experiments.inverse_layers train photos/ -o runs/noisy --noise flip --noise-area 0.1

    continue a training:
    python -m experiments.inverse_layers train -o runs/cells --resume

    Notes
    -----
    Use the weights with "python -m experiments.inverse_layers predict", or with
    experiments.inverse_layers.load in Python.
    """
    need("training", "experiments", ("torch", "safetensors"))
    from experiments.inverse_layers import train

    silent = reporting.quiet or reporting.json
    taken = (files, examples, network, layer, noise)
    settings = training.settings_of(recipe, data=images, masks=masks, criterion=criterion)
    config = config_of(output if resume else None, settings, *taken)
    noisy = config.noise.get("kind", NONE) != NONE
    with _short_warnings():
        return training.run(
            partial(train, on_pairs=partial(_understood, files.values, silent)),
            config,
            output,
            machine,
            reporting,
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


def config_of(resumed: str | None, settings: dict[str, Any], *choices: Any) -> Any:
    """The defaults, or the settings of the training to resume, with the given options."""
    from experiments.inverse_layers import SegmentationConfig
    from steepest.learning.training.files import read_settings

    if resumed is not None:
        base = read_settings(Path(resumed), SegmentationConfig)
    else:
        base = _beginning(settings, *choices[:3])
    every = {key: value for each in choices for key, value in each.settings(base).items()}
    return base.replace(**settings, **every)


def _beginning(
    settings: dict[str, Any], files: MaskChoice, examples: ExampleChoice, network: NetworkChoice
) -> Any:
    """The defaults of a new training."""
    from experiments.inverse_layers import SegmentationConfig

    if "data" not in settings:
        raise InputError("a folder of images is needed (or --resume, to continue a training)")
    own = network.network in (None, DEFAULT_NETWORK) and network.network_config is None
    tenth = partial(_tenth, settings["data"], settings.get("masks"), files.ending or "")
    return SegmentationConfig(
        data=settings["data"],
        num_validation=examples.validation or tenth(),
        mirror=True,
        network_config={"base": DEFAULT_BASE} if own else {},
    ).replace(learning_rate=DEFAULT_RATE)


def _tenth(images: str, masks: str | None, ending: str) -> int:
    """A tenth of the pairs, at least one."""
    from experiments.inverse_layers.matching import match

    total = len(match(images, masks, ending))
    if total < 2:
        raise InputError(
            f"{images}: only one pair; at least two are needed, one of them to validate"
        )
    return max(1, round(total / _SHARE))


def _understood(values: Any, quiet: bool, fitted: Any, held_out: Any) -> None:
    """Print how the masks were read, and warn if their numbers do not look like classes."""
    classes, total = fitted.classes, len(fitted) + len(held_out)
    found = ", ".join(map(str, classes.values))
    words = f"classes {found} in {total} masks"
    if classes.instances:
        words = f"objects (above 0) in {total} masks"
    elif classes.threshold is not None:
        words = f"objects (from {classes.threshold} on) in {total} masks"
    elif len(classes.values) > _FEW and values is None:
        print(
            f"steepest: warning: the masks contain {len(classes.values)} different numbers, each "
            "of which is taken as a class. For numbered objects use --instances; for smooth edges "
            f"--threshold 128 (say); if they are classes, --values {found.replace(' ', '')}",
            file=sys.stderr,
        )
    if not quiet:
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
