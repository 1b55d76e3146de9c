"""The cards on the first page of the documentation: on the left before, on the right after."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from effects_pictures import scratches
from PIL import Image as PillowImage

import steepest
from steepest import inpainting, manifold, patches, plot, segmentation, spectral
from steepest.io import sample

_SHAPE = (240, 384)  # two halves of 192


def halves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The left half of one image and the right half of another, with a line between them."""
    before, after = (np.dstack([a] * 3) if a.ndim == 2 else a for a in (before, after))
    middle = before.shape[1] // 2
    both = np.concatenate([before[:, :middle], after[:, middle:]], 1).astype(float)
    both[:, middle - 1 : middle + 1] = 255
    return np.clip(both, 0, 255)


def noise() -> np.ndarray:
    noisy = sample("noisy-camera")
    part = np.s_[60:180, 150:342]
    return halves(noisy[part], np.asarray(steepest.denoise_tv(noisy).image)[part])


def repair() -> np.ndarray:
    photo = sample("coffee")[90:346, 170:426]
    hit = scratches(photo.shape[:2])
    scratched = np.where(hit[..., None], np.uint8(255), photo)
    filled = steepest.inpaint(scratched, ~hit, inpainting.EdgeEnhancing(), channel_axis=-1).image
    part = np.s_[60:220, 0:256]
    return halves(scratched[part], np.asarray(filled)[part])


def bands() -> np.ndarray:
    photo = sample("coffee")[60:380, 60:572]
    parts = spectral.decompose(photo, channel_axis=-1, t_max=1.0)
    crisp = parts.recompose(lambda t: 1 + 3 * (t > 0.004) * (t < 0.3))
    return halves(photo, 255 * crisp)


def objects() -> np.ndarray:
    from skimage.data import coins

    image = coins()[10:250, 0:384]
    figure = plot.object_overlay(image, segmentation.find_objects(image)).figure
    return _drawn(figure)


def phases() -> np.ndarray:
    noisy = sample("interferogram")
    clean = manifold.denoise_phases(noisy, 0.5).image
    height = noisy.shape[1] * _SHAPE[0] // _SHAPE[1]
    return halves(*(255 * plot.phase_colours(p[:height]) for p in (noisy, np.asarray(clean))))


def learned() -> np.ndarray:
    from skimage.data import gravel

    image = gravel() / 255.0
    sharp, rng = image[:256, :256], np.random.default_rng(0)
    model = patches.fit(sharp, num_components=30)
    bad = image[260:420, 230:486]
    bad = bad + 0.1 * rng.standard_normal(bad.shape)
    return halves(255 * bad, 255 * patches.denoise(bad, model, 0.1))


CARDS: dict[str, Callable[[], np.ndarray]] = {
    "noise": noise, "objects": objects, "repair": repair, "bands": bands, "patches": learned,
    "phases": phases,
}  # fmt: skip


def _drawn(figure: object) -> np.ndarray:
    """The middle of a figure, without its margins."""
    picture = PillowImage.open(BytesIO(plot.figure_png(figure, dpi=150))).convert("RGB")  # type: ignore[arg-type]
    array = np.asarray(picture)
    rows, columns = np.nonzero((array < 250).any(axis=2))
    return array[rows.min() + 4 : rows.max() - 4, columns.min() + 4 : columns.max() - 4]


def card(picture: np.ndarray) -> PillowImage.Image:
    """A picture in the shape of a card."""
    image = PillowImage.fromarray(np.rint(picture).astype(np.uint8))
    height = min(image.height, image.width * _SHAPE[0] // _SHAPE[1])
    top = (image.height - height) // 2
    image = image.crop((0, top, image.width, top + height))
    return image.resize((2 * _SHAPE[1], 2 * _SHAPE[0]), PillowImage.Resampling.LANCZOS)
