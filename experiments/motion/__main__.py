"""``python -m experiments.motion [transport | tomography]`` writes tables and a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import numpy as np
from skimage.io import imsave

from benchmarks.report import describe_machine

from .tomography import table
from .transport import transport

RESULTS = Path(__file__).parent / "results"


def bump(size: int, place: float, width: float) -> np.ndarray:
    """A Gaussian of sum 1."""
    values = np.exp(-((np.arange(size) - place) ** 2) / (2 * width**2))
    return np.asarray(values / values.sum())


def plane(place: tuple[float, float], width: float, colour: np.ndarray, size: int) -> np.ndarray:
    """A bump of one colour, (size, size, channels), of sum 1."""
    return np.asarray(
        bump(size, place[0], width)[:, None, None] * bump(size, place[1], width)[:, None] * colour
    )


def transports() -> list[str]:
    """Squared distances against closed forms, and the picture of two bumps that change colour."""
    one = np.ones(1)
    line = np.ones((1, 1, 1))
    cases = {
        "a bump moves by 11 of 32 pixels": (
            bump(32, 10, 3)[:, None, None] * line, bump(32, 21, 3)[:, None, None] * line, 121.0),
        "its width grows from 3 to 4": (
            bump(32, 16, 3)[:, None, None] * line, bump(32, 16, 4)[:, None, None] * line, 1.0),
        "a bump moves by (6, 4) of 32 x 32 pixels": (
            plane((13, 14), 3, one, 32), plane((19, 18), 3, one, 32), 52.0),
        "red becomes green, of 64 x 64 x 3": (
            plane((26, 26), 5, np.array([0.8, 0.1, 0.1]), 64),
            plane((38, 34), 5, np.array([0.1, 0.8, 0.1]), 64), None),
    }  # fmt: skip
    rows = ["| | closed form | computed | largest change of the mass | CPU s |", "|---" * 5 + "|"]
    for name, (first, last, exact) in cases.items():
        begin = process_time()
        result = transport(first, last, num_times=32, num_iter=500)
        seconds = process_time() - begin
        mass = np.abs(result.frames.sum((1, 2, 3)) - 1).max()
        known = "unknown" if exact is None else f"{exact:g}"
        rows.append(
            f"| {name} | {known} | {result.squared_distance:.3f} | {mass:.0e} | {seconds:.1f} |"
        )
        print(rows[-1], flush=True)
    strip = np.hstack(np.clip(result.frames[::4] / result.frames.max(), 0, 1))
    RESULTS.mkdir(exist_ok=True)
    imsave(RESULTS / "transport.png", np.rint(255 * strip).astype(np.uint8))
    return rows


def main() -> None:
    """Write the tables."""
    tables = {"transport": transports, "tomography": table}
    for name in sys.argv[1:] or tables:
        rows = tables[name]()
        machine = describe_machine()
        note = (
            f"{machine['processor']}, {machine['cores']} cores, {machine['date']}; "
            f"`python -m experiments.motion {name}`"
        )
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text("\n".join([*rows, "", note, ""]), encoding="utf-8")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
