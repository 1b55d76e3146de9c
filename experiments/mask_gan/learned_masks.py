"""Trained mask networks as methods for the benchmarks, with one network per density."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.crops import Fill, Method
from benchmarks.echo_exchange import echo_exchange
from steepest.core.errors import InputError

from . import fill, load, propose_mask
from .weights import REGISTRY


def training_of(path: Path) -> dict[str, Any]:
    """The recipe with which the network in this file was trained.

    Raises
    ------
    InputError
        If the file does not contain it.
    """
    training = REGISTRY.read_description(path)["metadata"].get("training", {})
    if "mode" not in training:
        raise InputError(f"{path}: not written by a training (its metadata have no recipe)")
    return dict(training)


def networks_of(paths: Sequence[Path]) -> dict[str, dict[float, object]]:
    """Networks by the mode of their training and their density."""
    found: dict[str, dict[float, object]] = defaultdict(dict)
    for path in paths:
        training = training_of(path)
        found[training["mode"]][training["density"]] = load(path)
    return dict(found)


def choosers(paths: Sequence[Path]) -> dict[str, tuple[Method, Fill | None]]:
    """The rows of Tables 3 and 4: mask and inpainting (None: diffusion) by name."""
    rows: dict[str, tuple[Method, Fill | None]] = {}
    for mode, networks in networks_of(paths).items():
        if mode == "inpainting":
            continue

        def proposed(image: np.ndarray, density: float, of: dict = networks) -> np.ndarray:
            return np.asarray(propose_mask(of[density], image, density, channel_axis=-1))

        def refined(image: np.ndarray, density: float, first: Method = proposed) -> np.ndarray:
            mask = first(image, density)
            return echo_exchange(image, mask, channel_axis=-1, rng=0, cycles=1, num_threads=1)

        name = {"joint": "mask GAN, small", "diffusion": "mask network"}[mode]
        if mode == "joint":
            rows[name] = proposed, filler(networks)
        rows[f"{name}, diffusion"] = proposed, None
        rows[f"{name}, 1 cycle of exchange, diffusion"] = refined, None
    return rows


def filler(networks: dict[float, object]) -> Fill:
    """Inpainting by the generator of the network for each density."""

    def filled(image: np.ndarray, mask: np.ndarray, density: float) -> np.ndarray:
        return fill(networks[density], image, mask, channel_axis=-1).astype(np.float32) / 255

    return filled
