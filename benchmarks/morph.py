"""The image halfway between two deformed photographs, against blending and optical flow.

``python -m benchmarks.morph`` writes ``results/motion/morph.md``. A photograph is turned around its
centre, less and less towards the border, by an angle and by minus that angle; the truth is the
photograph. Optical flow from each image to the other one moves both halfway, and their mean counts.
``stiffness`` was chosen on the astronaut, which is not in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np
from scipy.ndimage import zoom
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from benchmarks import sun_dic
from benchmarks.motion import peers, write
from steepest import motion

SIZE, INNER = 128, (slice(12, -12), slice(12, -12))
ANGLES = (4, 8, 16)
PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "camera": data.camera, "coins": data.coins, "chelsea": data.chelsea, "coffee": data.coffee,
    "text": data.page,
}  # fmt: skip
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def photograph(name: str) -> np.ndarray:
    """The square in the middle of a photograph, grey, 128 x 128, in [0, 1]."""
    image = PHOTOGRAPHS[name]().astype(float) / 255
    image = image.mean(-1) if image.ndim == 3 else image
    n = min(image.shape)
    y, x = ((m - n) // 2 for m in image.shape)
    square = image[y : y + n, x : x + n]
    return np.clip(zoom(square, SIZE / n, order=3, grid_mode=True, mode="nearest"), 0, 1)


def turned(image: np.ndarray, angle: float) -> np.ndarray:
    """The photograph, turned by ``angle`` degrees at its centre."""
    d = np.indices(image.shape) - (SIZE - 1) / 2
    turn = np.deg2rad(angle) * np.cos(np.pi * d[0] / SIZE) * np.cos(np.pi * d[1] / SIZE)
    c, s = np.cos(turn), np.sin(turn)
    return motion.warp(image, np.stack([c * d[0] + s * d[1], c * d[1] - s * d[0]]) - d)


def methods() -> dict[str, Method]:
    """Functions of two images that return the image halfway."""

    def halfway(flow: Method) -> Method:
        def middle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return (motion.warp(a, flow(b, a) / 2) + motion.warp(b, flow(a, b) / 2)) / 2

        return middle

    found: dict[str, Method] = {
        "`motion.morph`": lambda a, b: motion.morph(a, b, [0.5]).frames[0],
        "mean of both": lambda a, b: (a + b) / 2,
    }
    whole = {name: flow for name, flow in peers().items() if flow is not sun_dic.sun_dic}
    return found | {name: halfway(flow) for name, flow in whole.items()}


def main() -> None:
    """Compute and write the table."""
    images = {name: photograph(name) for name in PHOTOGRAPHS}
    found = methods()
    found["`motion.morph`"](*(turned(images["camera"], a) for a in (-1, 1)))  # compiles
    rows = ["| | " + " | ".join(f"± {a}°" for a in ANGLES) + " | CPU s |", "|---" * 5 + "|"]
    for name, method in found.items():
        cells, seconds = [], []
        for angle in ANGLES:
            scores = []
            for image in images.values():
                pair = turned(image, -angle), turned(image, angle)
                begin = process_time()
                middle = method(*pair)
                seconds.append(process_time() - begin)
                scores.append(peak_signal_noise_ratio(image[INNER], middle[INNER], data_range=1))
            cells.append(f"{np.mean(scores):.2f} ({min(scores):.1f})")
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {np.mean(seconds):.2f} |")
    write("morph.md", rows, "python -m benchmarks.morph")


if __name__ == "__main__":
    main()
