"""Lets sphinx-gallery find figures that do not belong to pyplot: those of `steepest.plot`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def save_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save every new figure among the example's variables; the reST that shows them."""
    paths = []
    for value in block_vars["example_globals"].values():
        if isinstance(value, Figure) and not hasattr(value, "_steepest_shown"):
            value._steepest_shown = True  # type: ignore[attr-defined]
            path = next(block_vars["image_path_iterator"])
            value.savefig(path, dpi=110)
            paths.append(path)
    return str(figure_rst(paths, gallery_conf["src_dir"])) if paths else ""


def _get_sg_image_scraper() -> Callable[..., str]:
    return save_figures
