"""Five scratches in a photograph of a megapixel: solved in their boxes, and in one piece.

``python -m benchmarks.inpainting_holes`` prints processor time, the least of three runs.
"""

from __future__ import annotations

from time import process_time
from unittest.mock import patch

import numpy as np

from steepest import inpaint, inpainting, io
from steepest.inpainting import holes

_SCRATCHES = (  # row, column, fall, length
    (80, 100, 40, 900), (300, 120, 10, 700), (500, 300, 90, 500), (700, 50, 0, 400),
    (850, 500, -30, 450),
)  # fmt: skip


def scratches(side: int) -> np.ndarray:
    """True on five lines, three pixels wide, in a square of 1024 (or scaled to another side)."""
    unknown = np.zeros((side, side), bool)
    for row, column, fall, length in _SCRATCHES:
        along = np.arange(length * side // 1024)
        rows = row * side // 1024 + along * fall // length
        for width in range(3):
            unknown[rows + width, column * side // 1024 + along] = True
    return unknown


def main() -> None:
    """Print a table."""
    camera = np.kron(io.sample("camera"), np.ones((2, 2), np.uint8))[:1024, :1024]
    unknown = scratches(1024)
    print(f"{unknown.sum()} of {unknown.size} pixels unknown")
    print("| method | channels | pixels solved | CPU time | in one piece |\n|---|---|---|---|---|")
    for name, radius in (("diffusion", 1), ("biharmonic", 2), ("edge_enhancing", 6)):
        solved = sum(group.own.size for group in holes.group_holes(unknown, radius))
        for channels in (1, 3):
            image = np.stack([camera / 255] * channels, -1)
            times = [seconds(name, image, unknown)]
            with patch.object(holes, "_SHARE", -1):
                times.append(seconds(name, image, unknown))
            print(f"| {name} | {channels} | {solved} | {times[0]:.3f} s | {times[1]:.2f} s |")


def seconds(name: str, image: np.ndarray, unknown: np.ndarray) -> float:
    """Processor time, once compiled."""
    method = getattr(inpainting, inpainting.METHODS[name])()
    times = []
    for _ in range(4):
        begin = process_time()
        inpaint(image, method=method, unknown=unknown, channel_axis=-1)
        times.append(process_time() - begin)
    return min(times[1:])


if __name__ == "__main__":
    main()
