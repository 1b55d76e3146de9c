"""The first two pictures of README.md: what the library does to photographs."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import steepest
from steepest.inpainting import EdgeEnhancing
from steepest.io import sample
from steepest.plot.canvas import panels, show
from steepest.spectral import decompose, separate_texture

_NOISE = 0.1
_SCRATCHES = [((10, 30), (230, 95)), ((0, 170), (255, 120)), ((120, 0), (70, 255))]


def scratches(shape: tuple[int, int]) -> np.ndarray:
    """True on three straight lines a few pixels wide."""
    rows, columns = np.indices(shape)
    hit = np.zeros(shape, bool)
    for (y0, x0), (y1, x1) in _SCRATCHES:
        across = (rows - y0) * (x1 - x0) - (columns - x0) * (y1 - y0)
        along = ((rows - y0) * (y1 - y0) + (columns - x0) * (x1 - x0)) / np.hypot(y1 - y0, x1 - x0)
        length = np.hypot(y1 - y0, x1 - x0)
        hit |= (np.abs(across) <= 2.2 * length) & (along >= 0) & (along <= length)
    return hit


def denoised() -> Figure:
    """What the first command of README.md reads and writes, in part."""
    noisy = sample("noisy-camera")
    clean = steepest.denoise(noisy).image
    figure = Figure()
    pictures = (("sample:noisy-camera", noisy), ("denoised.png", clean))
    for axes, (name, picture) in zip(panels(2, 1.0, figure=figure), pictures, strict=True):
        show(axes, picture[50:306, 130:386], 0, 255)
        axes.set_title(name, loc="left", fontsize=10)
    return figure


def effects() -> Figure:
    """Noise, scratches, texture and detail: before and after."""
    camera = sample("camera")[60:316, 130:386] / 255.0
    coffee = sample("coffee")[90:346, 170:426] / 255.0
    meadow = sample("camera")[150:406, 200:456] / 255.0

    noisy = camera + _NOISE * np.random.default_rng(0).standard_normal(camera.shape)
    clean = steepest.denoise_tv(noisy).image
    hit = scratches(coffee.shape[:2])
    scratched = np.where(hit[..., None], 1.0, coffee)
    repaired = steepest.inpaint(scratched, ~hit, EdgeEnhancing(), channel_axis=-1).image
    structure, texture = separate_texture(meadow, 0.1)
    detailed = decompose(coffee, channel_axis=-1, t_max=1.0).recompose(
        lambda t: 1 + 2 * (t > 0.004) * (t < 0.3)
    )

    contents = (
        ("noisy", noisy, 0, 1),
        ("denoised", clean, 0, 1),
        ("scratched", scratched, 0, 1),
        ("scratches filled in", repaired, 0, 1),
        ("structure", structure, 0, 1),
        ("texture", texture, -0.2, 0.2),
        ("photograph", coffee, 0, 1),
        ("detail enhanced", detailed, 0, 1),
    )
    figure = Figure()
    all_axes = panels(8, 1.0, figure=figure, columns=4)
    for axes, (name, picture, low, high) in zip(all_axes, contents, strict=True):
        show(axes, picture, low, high)
        axes.set_title(name, loc="left", fontsize=12)  # the picture is shown small
    return figure
