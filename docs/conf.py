"""Sphinx configuration: ``sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError
from sphinx_gallery.sorting import ExplicitOrder

import steepest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]  # benchmarks

project = "steepest"
author = "The steepest developers"
copyright = "2026, The steepest developers"
release = version = steepest.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax and its fonts in the site: no page asks another host
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "reference_pages",
]
exclude_patterns = ["_build", "_templates", "examples", "**sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

has_torch = importlib.util.find_spec("torch") is not None
if not has_torch:
    autodoc_mock_imports = ["torch", "safetensors"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures carry them; the docstrings say more
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "steepest"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = html_favicon = "_static/logo.svg"

SECTIONS = (
    *("flows", "noise", "structures", "objects", "repair", "patches", "motion", "points"),
    *("posterior", "networks"),
)
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"__init__\.py" if has_torch else r"plot_(\d+_(learned|layers)|3[2-5])",
    "subsection_order": ExplicitOrder([f"examples/{name}" for name in SECTIONS]),
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("steepest",),
    "thumbnail_size": (400, 280),
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "image_scrapers": ("gallery_figures",),
    "reset_modules": (),
}

_REMOTE = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"')


def refuse_remote_files(app: Any, exception: Exception | None) -> None:
    """Fail where a page of the site would load anything from another host."""
    for page in Path(app.outdir).rglob("*.html") if exception is None else ():
        found = _REMOTE.search(page.read_text(encoding="utf-8"))
        if found:
            raise ExtensionError(f"{page.name} asks another host: {found[0]}")


def setup(app: Any) -> None:
    """Check the site when it is built."""
    app.connect("build-finished", refuse_remote_files)
