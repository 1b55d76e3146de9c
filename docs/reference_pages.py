"""Pages of the reference: a docstring, a block of the docs that uses the name, the gallery.

Examples stand once, in the pages that a reader meets first: "How do I …?", then the other pages.
Names without any get none; `python docs/reference_pages.py` lists them.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

from check_code import BLOCK

FOLDER = Path(__file__).parent
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_LONGEST = 24  # lines of a block that is shown


@cache
def _blocks() -> tuple[tuple[str, str, str, str], ...]:
    """Page, its title, code and whole text, of every short block; "How do I …?" first."""
    pages = sorted(FOLDER.glob("*.md"), key=lambda path: (path.stem != "how_do_i", path.stem))
    found = []
    for path in pages:
        text = path.read_text(encoding="utf-8")
        title = _HEADING.search(text)
        for _, kind, code in BLOCK.findall(text):
            if title and kind == "python" and code.count("\n") <= _LONGEST:
                found.append((path.stem, title[1], code, text))
    return tuple(found)


def example_of(name: str) -> tuple[str, str, str] | None:
    """Page, title and code of the first block that uses ``steepest.spectral.scale_map``."""
    room, _, last = name.rpartition(".")
    room = room.rpartition(".")[2]
    plain = re.compile(rf"(?<![\w.]){last}\(")
    through = re.compile(rf"(?<!\w){room}\.{last}\b")
    for page, title, code, text in _blocks():
        imported = re.search(rf"from steepest\b.* import .*\b{last}\b", text)
        if through.search(code) or (imported and plain.search(code)):
            return page, title, code
    return None


def add_example(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Add the example to a docstring that has none."""
    if what not in ("function", "class") or any(
        ">>>" in line or line == "Examples" for line in lines
    ):
        return
    found = example_of(name)
    if found:
        page, title, code = found
        lines += ["", ".. rubric:: Example", "", f"From :doc:`{title} </{page}>`:", ""]
        lines += [".. code-block:: python", "", *(f"   {line}" for line in code.splitlines()), ""]


def hide_signature(app: Any, what: str, name: str, obj: Any, *rest: Any) -> Any:
    """Results are made by functions: their constructor is of no interest."""
    text = inspect.getdoc(obj) or ""
    if what == "class" and "Attributes\n---" in text and "Parameters\n---" not in text:
        return "", ""
    return None


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", add_example, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", hide_signature)
    return {"parallel_read_safe": True}


def main() -> None:
    """List the names of the reference that no page uses."""
    room = ""
    for line in (FOLDER / "api.md").read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            room = line.split()[-1]
        elif (
            re.fullmatch(r"   [A-Za-z_]\w*", line) and example_of(f"{room}.{line.strip()}") is None
        ):
            print(f"{room}.{line.strip()}")


if __name__ == "__main__":
    main()
