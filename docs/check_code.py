"""Run the Python code blocks of README.md and the documentation, each page from top to bottom.

``python docs/check_code.py [page ...]``; a block that follows the comment ``<!-- not run -->`` is
left out. Blocks of a page share their names and run in an empty folder.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- not run -->\s*)?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_page(path: Path) -> bool:
    """Run the blocks of one page; whether all went well."""
    text, names = path.read_text(encoding="utf-8"), {"__name__": "page"}
    for match in BLOCK.finditer(text):
        skipped, code = match.groups()
        if skipped:
            continue
        line = text.count("\n", 0, match.start(2))
        try:
            exec(compile("\n" * line + code, str(path), "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"{path.relative_to(ROOT)}: the block at line {line + 1} failed")
            return False
    return True


def main(arguments: list[str]) -> int:
    """The exit code: 0 if every page ran."""
    pages = [Path(a).resolve() for a in arguments] or [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        good = [run_page(page) for page in pages]
        os.chdir(ROOT)
    print(f"{sum(good)} of {len(pages)} pages ran")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
