"""``python -m experiments.manifold [race | quality] [case ...]`` writes tables to ``results``.

``python -m experiments.manifold mvirt FOLDER`` compares with MVIRT's logs, on its data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import describe_machine

from .cases import NAMES, make
from .mvirt import compare
from .quality import measure, quality, summary
from .race import race

RESULTS = Path(__file__).parent / "results"
TABLES = ("race", "quality")


def main() -> None:
    """Write one file per table and case."""
    parser = argparse.ArgumentParser(prog="python -m experiments.manifold", description=__doc__)
    parser.add_argument("table", nargs="?", choices=[*TABLES, "mvirt"], help="only this table")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(NAMES)}")
    given = parser.parse_args()
    if given.table == "mvirt":
        if len(given.cases) != 1:
            parser.error("mvirt needs one folder, a checkout of MVIRT")
        _write("mvirt", compare(Path(given.cases[0])), "mvirt FOLDER")
        return
    if unknown := set(given.cases) - set(NAMES):
        parser.error(f"unknown case {', '.join(sorted(unknown))}; allowed are {', '.join(NAMES)}")
    names = given.cases or NAMES
    if given.table != "quality":
        for name in names:
            _write(f"race_{name}", race(make(name)), f"race {name}")
    if given.table != "race":
        found = {}
        for name in names:
            case = make(name)
            found[case.title] = measure(case)
            _write(f"quality_{name}", quality(case, found[case.title]), f"quality {name}")
        _write("quality", summary(found), f"quality {' '.join(names)}")


def _write(file: str, lines: list[str], arguments: str) -> None:
    """Write a table with its command, the machine and the date."""
    command = f"`python -m experiments.manifold {arguments}`"
    text = "\n".join([*lines, "", f"{command}. {_machine()}", ""])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{file}.md").write_text(text)
    print(text, flush=True)


def _machine() -> str:
    """The machine and the date, in a sentence."""
    found = describe_machine()
    packages = ", ".join(f"{name} {found['packages'][name]}" for name in ("numpy", "numba"))
    return (
        f"{found['processor']}, {found['cores']} cores, one thread used; Python {found['python']}, "
        f"{packages}; {found['date']}."
    )


if __name__ == "__main__":
    main()
