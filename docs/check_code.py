"""Run the code of README.md and the documentation, each page from top to bottom.

``python docs/check_code.py [page ...]`` runs the blocks of Python, and of the blocks ``console``
those commands of steepest whose output is shown, which must be what they print: words exactly,
numbers within 5 %, times of day and durations not at all; a line ``...`` stands for any lines. A
block that follows the comment ``<!-- not run -->`` is left out. Blocks of a page share their names
and run in an empty folder.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(<!-- not run -->\s*)?^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL
)
DURATION = re.compile(r"\b\d[\d.:]*( ms| s| min| minutes?| seconds?)\b")
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
TOLERANCE, OF_POWERS = 0.05, 1.0  # relative; numbers such as 8.8e-04 say an order of magnitude


def run_page(path: Path) -> bool:
    """Run the blocks of one page; whether all went well."""
    text, names = path.read_text(encoding="utf-8"), {"__name__": "page"}
    for match in BLOCK.finditer(text):
        skipped, kind, code = match.groups()
        if skipped:
            continue
        line = text.count("\n", 0, match.start(3))
        try:
            if kind == "console":
                run_console(code)
            else:
                exec(compile("\n" * line + code, str(path), "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"{path.relative_to(ROOT)}: the block at line {line + 1} failed")
            return False
    return True


def run_console(code: str) -> None:
    """Run the commands whose output is shown, and compare it with what they print."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *shown = part.replace("\\\n", " ").strip().splitlines()
        words = shlex.split(command, comments=True)
        if not shown or words[:1] != ["steepest"]:
            continue
        from steepest.cli.main import main

        printed = StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            main(words[1:])
        if not alike(shown, printed.getvalue().splitlines()):
            raise ValueError(f"{command!r} prints:\n{printed.getvalue()}")


def alike(shown: list[str], printed: list[str]) -> bool:
    """Whether lines are those that were printed, up to rounding and times."""
    if not shown or not printed:
        return shown == printed or [each.strip() for each in shown] == ["..."]
    if shown[0].strip() == "...":
        return any(alike(shown[1:], printed[k:]) for k in range(len(printed) + 1))
    return same_line(shown[0], printed[0]) and alike(shown[1:], printed[1:])


def same_line(shown: str, printed: str) -> bool:
    """Whether two lines say the same."""
    one, two = (" ".join(DURATION.sub("a while", line).split()) for line in (shown, printed))
    if NUMBER.sub("0", one) != NUMBER.sub("0", two):
        return False
    return all(map(close, NUMBER.findall(one), NUMBER.findall(two)))


def close(one: str, two: str) -> bool:
    """Whether two numbers are the same up to the differences of machines."""
    a, b = (float(each.replace(",", "").rstrip(".")) for each in (one, two))
    tolerance = OF_POWERS if "e" in one else TOLERANCE
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def main(arguments: list[str]) -> int:
    """The exit code: 0 if every page ran."""
    pages = [Path(a).resolve() for a in arguments] or [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]
    good = []
    for page in pages:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            good.append(run_page(page))
            os.chdir(ROOT)
    print(f"{sum(good)} of {len(pages)} pages ran")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
