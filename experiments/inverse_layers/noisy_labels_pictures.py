"""Pictures of the predictions of networks trained on noisy labels, as PNG."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from safetensors.torch import load_file

from experiments.inverse_layers import SegmentationConfig, open_pairs, overlay, predict, split
from experiments.inverse_layers.weights import load
from steepest.plot.canvas import INK, figure_png

COLUMNS = 5  # largest number of networks shown


def pictures(place: Path, kind: str, methods: list[str], count: int = 4) -> bytes | None:
    """Predictions after the last epoch; rows are held-out images, columns are networks.

    The images and their masks are not shown, because we may not redistribute them. None if there
    are fewer than two networks.
    """
    found: dict[str, Path] = {}
    for method in methods:
        run = place / kind / method.replace(" ", "-") / "0"
        if (run / "summary.json").is_file() and len(found) < COLUMNS:
            found[method] = run
    if len(found) < 2:
        return None
    first = next(iter(found.values()))
    config = SegmentationConfig.from_json(
        json.loads((first / "summary.json").read_text())["config"]
    )
    pairs = open_pairs(
        config.data, config.masks, instances=config.instances, channels=config.channels
    )
    held_out = split(pairs, config.num_validation, config.split_seed)[1]
    networks = {method: _last(run) for method, run in found.items()}
    chosen = np.linspace(0, len(held_out) - 1, count).round().astype(int)
    figure = Figure(figsize=(1.75 * len(networks) + 0.2, 1.75 * count + 0.45))
    axes = figure.subplots(count, len(networks), squeeze=False)
    for row, index in zip(axes, chosen, strict=True):
        planes, labels = held_out.read(int(index))
        image = np.moveaxis(planes, 0, -1)
        paper = np.full(labels.shape, 0.97, np.float32)
        drawn = [predict(network, image) for network in networks.values()]
        shown = [overlay(paper, guess, pairs.num_classes, scale=3) for guess in drawn]
        for axis, picture in zip(row, shown, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
    for axis, title in zip(axes[0], networks, strict=True):
        axis.set_title(title, fontsize=8, color=INK)
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.35 / figure.get_figheight(), 0.03, 0.03)
    return figure_png(figure, 110)


def _last(run: Path) -> object:
    """The network after the last epoch, from the checkpoint (not the best one)."""
    network = load(run / "weights")
    tensors = load_file(run / "checkpoint.safetensors")
    state = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    network.load_state_dict(state)
    return network
