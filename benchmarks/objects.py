"""Objects without training: ``python -m benchmarks.objects FOLDER`` with the DSB2018 images.

FOLDER holds ``images/*.png`` (RGB) and ``labels/*.png`` (16-bit, one number per nucleus). A nucleus
is found if an object covers it with an intersection over union above 0.5. Objects of all methods
have at least 20 pixels; images with a bright background are inverted for the thresholds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import data, filters, io, measure

from benchmarks.nuclei import parted, plain
from benchmarks.report import describe_machine
from steepest.segmentation import find_objects

RESULTS = Path(__file__).parent / "results" / "objects.md"
_TUNED, _HELD_OUT = 50, 100
_LEAST = 20  # pixels

Method = Callable[[np.ndarray], np.ndarray]


def by_threshold(parts: Method, sigma: float = 0.0) -> Method:
    """Otsu's threshold, of an image that is smoothed first, and how its set becomes objects."""

    def labels(image: np.ndarray) -> np.ndarray:
        grey = image[..., :3].mean(-1) if image.ndim == 3 else image.astype(float)
        grey = ndimage.gaussian_filter(grey, sigma) if sigma else grey
        inside = grey > filters.threshold_otsu(grey)
        found = parts(~inside if inside.mean() > 0.5 else inside)
        sizes = np.bincount(found.ravel())
        return np.where(sizes[found] >= _LEAST, found, 0)

    return labels


def ours(image: np.ndarray) -> np.ndarray:
    """The objects of this package."""
    axis = -1 if image.ndim == 3 else None
    return find_objects(image[..., :3] if axis else image, channel_axis=axis).labels


METHODS: dict[str, Method] = {
    "Otsu": by_threshold(plain),
    "Otsu + watershed": by_threshold(parted),
    "Gaussian 1 + Otsu + watershed": by_threshold(parted, 1.0),
    "**steepest `find_objects`**": ours,
}


def counts(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Nuclei found, objects that are none, nuclei missed."""
    table = np.zeros((truth.max() + 1, found.max() + 1), np.int64)
    np.add.at(table, (truth.ravel(), found.ravel()), 1)
    sizes, others = table.sum(1)[1:], table.sum(0)[1:]
    union = sizes[:, None] + others - table[1:, 1:]
    hits = np.count_nonzero(2 * table[1:, 1:] > union)
    return np.array([hits, np.count_nonzero(others) - hits, np.count_nonzero(sizes) - hits])


def f1(rows: np.ndarray) -> float:
    """Harmonic mean of precision and recall; 1 if there is nothing, and nothing was found."""
    hits, false, missed = rows
    return float(2 * hits / (2 * hits + false + missed)) if rows.any() else 1.0


def coins() -> list[str]:
    """Rows of a table: objects found in the coins of scikit-image, of which there are 24."""
    image, rng = data.coins(), np.random.default_rng(0)
    truth = measure.label(find_objects(image).labels > 0)  # looked at: these are the 24 coins
    cases = {"as it is": image, "negative": 255 - image, "turned": image.T}
    for sigma in (5, 20, 40):
        noisy = np.clip(image + rng.normal(0, sigma, image.shape), 0, 255)
        cases[f"noise {sigma}"] = noisy.astype(np.uint8)
    rows = []
    for name, method in METHODS.items():
        cells = [
            counts(truth.T if case == "turned" else truth, method(each))
            for case, each in cases.items()
        ]
        rows.append(f"| {name} | {' | '.join('/'.join(map(str, cell)) for cell in cells)} |")
    return [f"| coins: true/false/missed | {' | '.join(cases)} |", "|---" * 7 + "|", *rows]


def main() -> None:
    """Measure, print and store as Markdown."""
    folder = Path(sys.argv[1])
    names = sorted(path.name for path in (folder / "images").glob("*.png"))
    names = [names[k] for k in np.random.default_rng(0).permutation(len(names))]
    tuned, held_out = names[:_TUNED], names[_TUNED : _TUNED + _HELD_OUT]
    rows = []
    for method, find in METHODS.items():
        cells, seconds = [], 0.0
        for part in (tuned, held_out):
            found = []
            for name in part:
                image = io.imread(folder / "images" / name)
                start = time.process_time()
                labels = find(image)
                seconds += time.process_time() - start
                truth = io.imread(folder / "labels" / name).astype(np.int64)
                found.append(counts(truth, labels))
            each = np.array(found)
            cells += [f1(each.sum(0)), float(np.mean([f1(row) for row in each]))]
        cells.append(seconds / len(tuned + held_out))
        rows.append(f"| {method} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
        print(rows[-1], file=sys.stderr)
    nuclei = f"{_TUNED} tuned"
    text = [
        "# Objects, without training",
        "",
        f"{describe_machine()['date']}. F1 at an intersection over union of 0.5, of all nuclei "
        "together and as the mean over the images; process time per image. "
        "`python -m benchmarks.objects FOLDER`.",
        "",
        f"| DSB 2018 | {nuclei}: all | mean | {_HELD_OUT} others: all | mean | time [s] |",
        "|---" * 6 + "|",
        *rows,
        "",
        *coins(),
        "",
        f"The {_HELD_OUT} others: {', '.join(name.removesuffix('.png')[:8] for name in held_out)}",
    ]
    print("\n".join(text))
    RESULTS.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
