"""The files of the page. The equaliser is several files, read as one ES module."""

import json
from importlib import resources

_TEXTS = {"STYLE": "style.css", "PANEL": "panel.html", "LOGO": "logo.svg"}  # constants of the code
_CODE = (
    *("look.js", "renderers.js", "view.js", "spectrum.js", "faders.js", "pointer.js"),
    *("repair.js", "labels.js", "tools.js", "files.js", "equaliser.js"),
)
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/main.js": ("main.js", "text/javascript; charset=utf-8"),
    "/equaliser.js": (None, "text/javascript; charset=utf-8"),
    "/logo.svg": ("logo.svg", "image/svg+xml"),
}


def page_text(name: str) -> str:
    """Return the text of one file of the page."""
    return (resources.files("steepest.app") / "page" / name).read_text("utf-8")


def equaliser_text(*more: str) -> str:
    """Return the module of the equaliser, with ``more`` files at its end."""
    constants = [f"const {key} = {json.dumps(page_text(name))};\n" for key, name in _TEXTS.items()]
    return "".join([*constants, *(page_text(name) for name in (*_CODE, *more))])
