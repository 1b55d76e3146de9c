"""Command-line options for the inverse evolution layer of a training."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from steepest.cli import training
from steepest.cli.options import count, number, positive
from steepest.core.errors import InputError

from .presets import PRESETS

NONE = "none"
EVOLUTIONS = (
    "heat",
    "total-variation",
    "curvature",
    "allen-cahn",
    "porous-medium",
    "advection-diffusion-reaction",
)
_OWN = ("evolution", "steps", "dt", "max_gain", "layer_options")


def add_layer(group: Any) -> None:
    """Add the options for the layer, its strength and its largest gain."""
    add = group.add_argument
    add(
        "--layer",
        choices=(NONE, *PRESETS),
        metavar="NAME",
        help="none (default), default (heat, gain capped), or a layer of the paper or its code: "
        + ", ".join(list(PRESETS)[1:]),
    )
    add(
        "--evolution",
        choices=EVOLUTIONS,
        metavar="NAME",
        help=f"instead of --layer, with --steps and --dt: {', '.join(EVOLUTIONS)}",
    )
    add("--steps", type=count, metavar="N", help="number of steps")
    add("--dt", type=positive, metavar="X", help="length of each step")
    add(
        "--max-gain",
        type=_number_or_none,
        metavar="X",
        help="heat: cap on the amplification (default 100), or none; others: warn above it",
    )
    add(
        "--layer-options",
        type=training.json_object,
        metavar="JSON",
        help='further arguments of the layer: \'{"boundary": "zero"}\', \'{"eps": 0.5}\'',
    )
    add("--ramp", type=number, metavar="EPOCHS", help="reach full strength after this many epochs")
    add(
        "--gain-limit",
        type=_number_or_none,
        metavar="X",
        help="refuse layers that amplify more (default 1e4); none: accept any",
    )


def given_layer(arguments: argparse.Namespace, base: Mapping[str, Any]) -> dict[str, Any]:
    """The description of the layer for `make_layer`; ``base`` if no option is given.

    Raises
    ------
    InputError
        If a layer is given both by name and by its evolution.
    """
    settings = training.given(arguments, *_OWN)
    own = {**settings.pop("layer_options", {}), **settings}
    if arguments.layer is not None and own:
        raise InputError(
            f"--layer {arguments.layer} cannot be combined with other options of the layer; for a "
            "layer of your own, give --evolution with --steps and --dt instead"
        )
    if arguments.layer is not None:
        return {} if arguments.layer == NONE else {"preset": arguments.layer}
    if not own:
        return dict(base)
    if own.get("max_gain") == NONE:
        own["max_gain"] = None
    return {"evolution": "heat", **own}


def given_gain_limit(arguments: argparse.Namespace, base: float | None) -> float | None:
    """The gain limit given, else ``base``."""
    limit = arguments.gain_limit
    return base if limit is None else None if limit == NONE else limit


def _number_or_none(text: str) -> float | str:
    return NONE if text == NONE else positive(text)
