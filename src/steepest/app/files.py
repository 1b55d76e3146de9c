"""The files of the page. The equaliser is several files, read as one ES module."""

from __future__ import annotations

from importlib import resources

EQUALISER = ("look.js", "renderers.js", "view.js", "spectrum.js", "tools.js", "equaliser.js")
PAGE = {
    "/": (("index.html",), "text/html; charset=utf-8"),
    "/main.js": (("main.js",), "text/javascript; charset=utf-8"),
    "/equaliser.js": (EQUALISER, "text/javascript; charset=utf-8"),
}


def page_text(*names: str) -> str:
    """Return the text of these files of the page, one after the other."""
    folder = resources.files("steepest.app") / "page"
    return "".join((folder / name).read_text("utf-8") for name in names)
