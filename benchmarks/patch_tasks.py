"""The tasks of `benchmarks.patches`: images, what damages them, and how methods are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter1d

Array = np.ndarray
Map = Callable[[Array], Array]


@dataclass(frozen=True)
class Case:
    """A true image in [0, 1], data = forward(truth) + noise of this standard deviation."""

    truth: Array
    data: Array
    noise: float
    forward: Map = lambda u: u
    adjoint: Map = lambda f: f


@dataclass(frozen=True)
class Task:
    """Weights are chosen on the images of ``tune``; those of ``report`` are in the table."""

    name: str
    tune: Sequence[Case]
    report: Sequence[Case]
    references: Sequence[Array]  # what a model may be fitted to


@dataclass(frozen=True)
class Method:
    """``restore(case, weight)``; ``training`` is in CPU seconds."""

    name: str
    restore: Callable[[Case, float], Array]
    weights: Sequence[float] = (0.0,)
    training: float | None = None
    each: bool = False  # also a row for the weight that is best for each image


@dataclass
class Row:
    """Means over the images of the report."""

    name: str
    psnr: float
    ssim: float
    seconds: float
    training: float | None
    weight: float | None
    edge: bool
    each: list[float] = field(default_factory=list)


def read(path: Path, size: int | None = None) -> Array:
    """A grey image in [0, 1], or its central crop of ``size`` x ``size`` pixels."""
    from PIL import Image

    image = np.asarray(Image.open(path).convert("L"), float) / 255
    if size is None:
        return image
    top, left = ((n - size) // 2 for n in image.shape)
    return np.ascontiguousarray(image[top : top + size, left : left + size])


def _noisy(truth: Array, noise: float, seed: int, forward: Map, adjoint: Map) -> Case:
    clean = forward(truth)
    draws = np.random.default_rng(seed).standard_normal(clean.shape)
    return Case(truth, clean + noise * draws, noise, forward, adjoint)


def denoising(folder: Path, level: int = 25, count: int = 8) -> Task:
    """Crops of photographs of BSDS500 with white noise of ``level`` / 255, which is not clipped."""
    train, val = (sorted((folder / name).glob("*.jpg")) for name in ("train", "val"))
    same = partial(np.asarray, dtype=float)

    def cases(paths: Sequence[Path], seed: int) -> list[Case]:
        return [
            _noisy(read(p, 192), level / 255, seed + i, same, same) for i, p in enumerate(paths)
        ]

    return Task(
        "denoising",
        cases(train[5::60][:3], 100),
        cases(val[::12][:count], 0),
        [read(path) for path in train[::10][:20]],
    )


def coarse(n: int, factor: int, blur: float) -> Array:
    """The matrix of one axis: Gaussian of deviation ``blur``, mirrored, and every factor-th pixel.

    The first pixel that is kept is pixel 0.
    """
    matrix = gaussian_filter1d(np.eye(n), blur, axis=0, mode="reflect")
    return np.ascontiguousarray(matrix[::factor])


def super_resolution(folder: Path, size: int = 160, factor: int = 4) -> Task:
    """Micrographs of silicon carbide of the repository patchNR, in ``folder``."""
    matrix = coarse(size, factor, 2.0)
    name = "super_resolution" if factor > 1 else "deblurring"
    return _micrographs(
        name, folder, size, 0.01, lambda u: matrix @ u @ matrix.T, lambda f: matrix.T @ f @ matrix
    )


def tomography(folder: Path, size: int = 160, angles: int = 30) -> Task:
    """The same micrographs from few projections; the noise is about 1 % of the largest value."""
    matrix = radon(size, angles)
    transposed = matrix.T.tocsr()
    return _micrographs(
        "tomography",
        folder,
        size,
        0.005,
        lambda u: matrix @ u.ravel(),
        lambda f: (transposed @ f).reshape(size, size),
    )


def parallel_beams(size: int, angles: Array, middle: float) -> sparse.csr_matrix:
    """Projections of (size, size) at angles in radians: pixels go to the two nearest detectors.

    There are ``size`` detectors, and pixel ``middle`` of both axes is seen by detector ``middle``.
    """
    y, x = (np.indices((size, size)) - middle).reshape(2, -1)
    rows, columns, values = [], [], []
    for k, angle in enumerate(angles):
        place = x * np.cos(angle) + y * np.sin(angle) + middle
        low = np.floor(place).astype(int)
        for detector, share in ((low, low + 1 - place), (low + 1, place - low)):
            seen = (detector >= 0) & (detector < size)
            rows.append(k * size + detector[seen])
            columns.append(np.flatnonzero(seen))
            values.append(share[seen])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(len(angles) * size, size * size))


def radon(size: int, angles: int) -> sparse.csr_matrix:
    """`parallel_beams` over half a turn, divided by ``size``: of images in [0, 1], about 1."""
    return parallel_beams(size, np.pi * np.arange(angles) / angles, (size - 1) / 2) / size


def _micrographs(
    name: str, folder: Path, size: int, noise: float, forward: Map, adjoint: Map
) -> Task:
    inputs = folder / "input_imgs"
    others = [folder / "testset_superres" / f"img{k}.png" for k in (10, 50, 90)]
    tune = [inputs / "img_val_material.png", folder / "testset_superres" / "img1.png"]

    def cases(paths: Sequence[Path], seed: int) -> list[Case]:
        return [
            _noisy(read(path, size), noise, seed + i, forward, adjoint)
            for i, path in enumerate(paths)
        ]

    report = [inputs / "img_test_material.png", *others]
    return Task(name, cases(tune, 100), cases(report, 0), [read(inputs / "img_learn_material.png")])


def psnr(image: Array, truth: Array) -> float:
    """In dB, for values in [0, 1]."""
    return -10 * float(np.log10(np.mean((image - truth) ** 2)))


def measure(method: Method, task: Task) -> list[Row]:
    """Choose the weight on other images, then restore those of the report."""
    from skimage.metrics import structural_similarity

    def score(weight: float) -> float:
        return float(np.mean([psnr(method.restore(c, weight), c.truth) for c in task.tune]))

    weights = list(method.weights)
    weight = max(weights, key=score) if len(weights) > 1 else weights[0]
    found, ssim, seconds = [], [], []
    for case in task.report:
        begin = time.process_time()
        image = method.restore(case, weight)
        seconds.append(time.process_time() - begin)
        found.append(psnr(image, case.truth))
        ssim.append(structural_similarity(image, case.truth, data_range=1.0))
    chosen = weight if len(weights) > 1 else None
    edge = chosen in (min(weights), max(weights))
    rows = [_row(method.name, found, ssim, seconds, method.training, chosen, edge)]
    if method.each:
        best = [max(psnr(method.restore(c, w), c.truth) for w in weights) for c in task.report]
        name = f"{method.name}, best weight of each image"
        rows.append(_row(name, best, [np.nan], [np.nan], None, None, False))
    return rows


def _row(
    name: str,
    found: list[float],
    ssim: list[float],
    seconds: list[float],
    training: float | None,
    weight: float | None,
    edge: bool,
) -> Row:
    psnr, likeness, time = (float(np.mean(each)) for each in (found, ssim, seconds))
    return Row(
        name, psnr, likeness, time, training, weight, edge, [round(value, 3) for value in found]
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Numba, BLAS and torch with one thread, so that CPU seconds are seconds of work."""
    import numba
    from threadpoolctl import threadpool_limits

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass
    with threadpool_limits(1):
        yield
    numba.set_num_threads(before)


def table(rows: Sequence[Row]) -> list[list[str]]:
    """Cells for `benchmarks.tables`."""

    def number(value: float | None, digits: int) -> str:
        return "" if value is None or np.isnan(value) else f"{value:.{digits}f}"

    return [
        [
            row.name,
            number(row.psnr, 2),
            number(row.ssim, 3),
            number(row.training, 1),
            number(row.seconds, 1 if row.seconds >= 1 else 2),
            "" if row.weight is None else f"{row.weight:.3g}" + (" (edge)" if row.edge else ""),
            " ".join(f"{value:.1f}" for value in row.each),
        ]
        for row in rows
    ]


HEAD = ("method", "PSNR", "SSIM", "training, CPU s", "an image, CPU s", "weight", "each, dB")
