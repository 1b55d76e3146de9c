"""Nuclei without training: ``python -m benchmarks.nuclei FOLDER`` with the DSB2018 images.

FOLDER holds ``images/*.png`` (RGB) and ``labels/*.png`` (16-bit, one number per nucleus). Of the
images with up to 256 x 320 pixels, every second one is used, 200 in all. Images with a bright
background are inverted, for all methods alike. Settings are the same for all images; 0.25 is
scikit-image's default, the smaller values suit images with little noise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import feature, filters, io, measure, segmentation

from benchmarks.report import describe_machine
from steepest.core.grey import to_grey
from steepest.segmentation import bias_corrected, chan_vese, threshold_rof

_COUNT = 200
_LARGEST = 256 * 320  # pixels; larger images take scikit-image's contour too long
_MU = 0.25
RESULTS = Path(__file__).parent / "results" / "nuclei.md"


def otsu(f: np.ndarray) -> np.ndarray:
    """Otsu's threshold."""
    return f > filters.threshold_otsu(f)


def local(f: np.ndarray) -> np.ndarray:
    """A threshold for each window of 51 pixels, and never below half of Otsu's."""
    return (f > filters.threshold_local(f, 51)) & (f > filters.threshold_otsu(f) / 2)


def contour(f: np.ndarray, mu: float = _MU) -> np.ndarray:
    """scikit-image's chan_vese, 100 iterations."""
    inside = segmentation.chan_vese(f, mu=mu, max_num_iter=100)
    if not inside.any() or inside.all():
        return inside
    return inside if f[inside].mean() > f[~inside].mean() else ~inside


def parted(inside: np.ndarray) -> np.ndarray:
    """Objects of a set, divided by a watershed of the distance to its boundary."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(inside), 1.0)
    peaks = feature.peak_local_max(distance, min_distance=7, labels=measure.label(inside))
    seeds = np.zeros(inside.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return segmentation.watershed(-distance, seeds, mask=inside)


def plain(inside: np.ndarray) -> np.ndarray:
    """Connected objects."""
    return measure.label(inside, connectivity=1)


SETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Otsu": otsu,
    "local threshold (window 51)": local,
    "scikit-image `chan_vese`, mu = 0.25, 100 iterations": contour,
    "scikit-image `chan_vese`, mu = 0.02, 100 iterations": lambda f: contour(f, 0.02),
    "steepest `chan_vese`, mu = 0.25": lambda f: chan_vese(f, _MU).labels > 0,
    "steepest `chan_vese`, mu = 0.02": lambda f: chan_vese(f, 0.02).labels > 0,
    "steepest `threshold_rof`, strength 0.1": lambda f: threshold_rof(f, 0.1).labels > 0,
    "steepest `threshold_rof`, strength 0.02": lambda f: threshold_rof(f, 0.02).labels > 0,
    "steepest `bias_corrected`, 0.05, 300": lambda f: (
        bias_corrected(f + 0.05, 0.05, 300.0).labels > 0
    ),
}


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice's coefficient of two sets."""
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return 2 * np.count_nonzero(a & b) / total if total else 1.0


def aggregated_jaccard(truth: np.ndarray, found: np.ndarray) -> float:
    """The Aggregated Jaccard Index of Kumar et al. (IEEE Trans. Med. Imaging 36, 2017)."""
    table = np.zeros((truth.max() + 1, found.max() + 1), np.int64)
    np.add.at(table, (truth.ravel(), found.ravel()), 1)
    sizes, others = table.sum(1), table.sum(0)
    common, union, used = 0, 0, np.zeros(len(others), bool)
    for k in np.flatnonzero(sizes[1:]) + 1:
        unions = sizes[k] + others[1:] - table[k, 1:]
        if not unions.size or not table[k, 1:].any():
            union += int(sizes[k])
            continue
        best = int(np.argmax(table[k, 1:] / unions)) + 1
        common += int(table[k, best])
        union += int(unions[best - 1])
        used[best] = True
    union += int(others[1:][~used[1:]].sum())
    return common / union if union else 1.0


def main() -> None:
    """Measure, print and store as Markdown."""
    folder = Path(sys.argv[1])
    paths = sorted((folder / "images").glob("*.png"))
    names = [path.name for path in paths if np.prod(Image.open(path).size) <= _LARGEST][::2]
    names = names[:_COUNT]
    scores: dict[str, list[list[float]]] = {name: [] for name in SETS}
    for name in names:
        f = to_grey(io.imread(folder / "images" / name)[..., :3]).astype(float)
        truth = io.imread(folder / "labels" / name).astype(np.int64)
        f = (f - f.min()) / max(np.ptp(f), 1e-9)
        if np.mean(otsu(f)) > 0.5:
            f = 1 - f
        for method, find in SETS.items():
            start = time.process_time()
            inside = np.asarray(find(f))
            seconds = time.process_time() - start
            indices = [aggregated_jaccard(truth, parts(inside)) for parts in (plain, parted)]
            scores[method].append([dice(truth > 0, inside), *indices, seconds])
        print(f"{len(scores['Otsu'])} of {len(names)}", file=sys.stderr)
    machine = describe_machine()
    rows = [
        "# Nuclei (DSB2018), without training",
        "",
        f"{machine['date']}, {len(names)} images of up to 256 x 320 pixels. Means over the "
        "images; the time is that of the set alone (process time).",
        "`python -m benchmarks.nuclei FOLDER`.",
        "",
        "| method | Dice | Aggregated Jaccard | the same, objects divided by a watershed | "
        "time per image [s] |",
        "|---|---|---|---|---|",
    ]
    for method, values in scores.items():
        mean = np.mean(values, axis=0)
        rows.append(f"| {method} | {' | '.join(f'{number:.3f}' for number in mean)} |")
    text = "\n".join(rows) + "\n"
    print(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
