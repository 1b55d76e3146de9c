"""Lets sphinx-gallery find films, and the figures of matplotlib that an example has drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib import pyplot
from matplotlib.animation import Animation
from PIL import Image, ImageSequence
from sphinx_gallery.scrapers import figure_rst


def save_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save every new film among the example's variables and every figure; the reST of both."""
    paths, values = [], list(block_vars["example_globals"].values())
    for value in values:
        if isinstance(value, Animation) and not hasattr(value._fig, "_steepest_shown"):  # type: ignore[attr-defined]
            value._fig._steepest_shown = True  # type: ignore[attr-defined]
            path = next(block_vars["image_path_iterator"])
            save_film(value, path)
            paths.append(path)
            pyplot.close(value._fig)  # type: ignore[attr-defined]
    for number in pyplot.get_fignums():
        path = next(block_vars["image_path_iterator"])
        pyplot.figure(number).savefig(path, dpi=110)
        paths.append(path)
    pyplot.close("all")
    return str(figure_rst(paths, gallery_conf["src_dir"])) if paths else ""


def save_film(film: Animation, path: str) -> None:
    """Save a film as an animated PNG of four greys, which is a fifth of the size."""
    film.save(path, writer="pillow", dpi=110)
    frames, paces = [], []
    with Image.open(path) as picture:
        for each in ImageSequence.Iterator(picture):
            frames.append(each.convert("L").point([85 * round(v / 85) for v in range(256)]))
            paces.append(each.info["duration"])
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=paces, optimize=True)


def _get_sg_image_scraper() -> Callable[..., str]:
    return save_figures
