"""Quality of denoising beside other packages, on images with simulated noise.

    python -m benchmarks.quality FOLDER [--every N] [--offset K] [--save]

FOLDER holds photographs. A micrograph and a phantom of scikit-image are added. All are averaged
over 2 x 2 pixels, and 160 x 160 pixels of the middle are used.

Each method runs as a user runs it who knows nothing about the noise (steepest with its automatic
strength, the others with scikit-image's ``estimate_sigma``), and then with the best of several
parameters, which only the image without noise can tell. Noise of photons and of a camera is first
stabilised by `steepest.anscombe` with the true parameters, and the result is transformed back, in
the same way for every method.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data
from skimage.metrics import structural_similarity
from skimage.restoration import (
    calibrate_denoiser,
    cycle_spin,
    denoise_nl_means,
    denoise_tv_chambolle,
    denoise_wavelet,
    estimate_sigma,
)

import steepest
from benchmarks.peers import deepinv_denoiser
from benchmarks.startup import describe
from benchmarks.strength import Noise, blurred, eight_bits, halved, photons, psnr, white
from benchmarks.tables import markdown

RESULTS = Path(__file__).parent / "results" / "quality.md"
SIZE = 160
GRID = 1.35 ** np.arange(-3.0, 4)
GAIN, READ = 0.01, 0.02  # of the camera
BLUR = 0.7
Array = np.ndarray


def camera(clean: Array, rng: np.random.Generator) -> Array:
    """Photons and read noise, stored with 8 bits."""
    light = GAIN * rng.poisson(clean / GAIN) + READ * rng.standard_normal(clean.shape)
    return np.rint(255 * np.clip(light, 0, 1)) / 255


# The noise, and the gain and read noise if it is to be stabilised.
NOISES: dict[str, tuple[Noise, tuple[float, float] | None]] = {
    "white 0.05": (white(0.05), None),
    "white 0.1": (white(0.1), None),
    "0.1, 8 bits": (eight_bits(0.1), None),
    "photons 30": (photons(30), (1 / 30, 0.0)),
    "photons 5": (photons(5), (1 / 5, 0.0)),
    "camera": (camera, (GAIN, READ)),
    "blurred 0.05": (blurred(BLUR, 0.05), None),
}


class Noisy:
    """An image with noise: as methods get it, its noise, and the error of what they return."""

    def __init__(self, clean: Array, noise: str, seed: int) -> None:
        add, self.camera = NOISES[noise]
        self.clean, self.given = clean, add(clean, np.random.default_rng(seed))
        if self.camera is None:
            self.image, self.sigma = self.given, float((self.given - clean).std())
        else:  # the transform has noise of deviation 1; make the range [0, 1]
            self.sigma = 1 / float(steepest.anscombe(np.ones(1), *self.camera)[0])
            self.image = np.asarray(steepest.anscombe(self.given, *self.camera)) * self.sigma
        self.image = self.image.astype(np.float32)
        self.spectrum = None  # of correlated noise
        if noise.startswith("blurred"):
            rows, columns = (np.fft.fftfreq(n) for n in clean.shape)
            squared = np.add.outer(rows**2, columns**2)
            shape = np.exp(-((2 * np.pi * BLUR) ** 2) * squared)
            self.spectrum = self.sigma**2 * clean.size * shape / shape.mean()

    def quality(self, result: Any) -> tuple[float, float]:
        """PSNR and SSIM."""
        image = np.asarray(result, np.float64)
        if self.camera is not None:
            image = np.asarray(steepest.inverse_anscombe(image / self.sigma, *self.camera))
        image = image.clip(0, 1)
        window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        ssim = structural_similarity(image, self.clean, data_range=1, **window)
        return psnr(image, self.clean), float(ssim)


# A method yields the result of a user who knows nothing, then others with various parameters.
Method = Callable[[Noisy], Iterator[Any]]


def ours(energy: Any, noisy: Noisy) -> Iterator[Any]:
    plain = steepest.denoise(noisy.image, None, energy)
    yield plain.image
    result, middle = None, float(plain.strength) or 1e-3
    for strength in middle * GRID[::-1]:
        loose = steepest.Solver(tol=1e-3)
        result = steepest.denoise(noisy.image, strength, energy, start=result, solver=loose)
        yield result.image


def wavelet(noisy: Noisy) -> Iterator[Any]:
    yield denoise_wavelet(noisy.image, rescale_sigma=True)
    for name in ("db1", "sym4"):
        for sigma in noisy.sigma * GRID[1:-1]:
            options = {"sigma": sigma, "wavelet": name, "rescale_sigma": True}
            yield cycle_spin(
                noisy.image, func=denoise_wavelet, max_shifts=3, workers=1, func_kw=options
            )


def non_local_means(noisy: Noisy) -> Iterator[Any]:
    def run(sigma: float, h: float, size: int) -> Array:
        options = {"patch_size": size, "patch_distance": 6, "fast_mode": True}
        return denoise_nl_means(noisy.image, sigma=sigma, h=h * sigma, **options)

    yield run(float(estimate_sigma(noisy.image)), 0.6, 5)  # as in scikit-image's gallery
    for size in (3, 5, 7):
        for h in (0.4, 0.5, 0.6, 0.8, 1.0):
            yield run(noisy.sigma, h, size)


def chambolle(noisy: Noisy) -> Iterator[Any]:
    weights = float(estimate_sigma(noisy.image)) * GRID
    tried = {"weight": list(weights)}
    calibrated = calibrate_denoiser(noisy.image, denoise_tv_chambolle, tried, extra_output=True)
    losses = calibrated[1][1]
    yield denoise_tv_chambolle(noisy.image, weights[int(np.argmin(losses))])
    for weight in noisy.sigma * GRID:
        yield denoise_tv_chambolle(noisy.image, weight)


def block_matching(noisy: Noisy) -> Iterator[Any]:
    from bm3d import bm3d

    if not hasattr(np, "trapz"):  # bm3d 4.0.3 calls it where it is given a spectrum
        np.trapz = np.trapezoid  # type: ignore[attr-defined]  # noqa: NPY201
    image = noisy.image.astype(np.float64)
    yield bm3d(image, float(estimate_sigma(noisy.image)))
    yield bm3d(image, noisy.sigma if noisy.spectrum is None else noisy.spectrum)


def deepinv(noisy: Noisy) -> Iterator[Any]:
    """Its weights of both orders are 0.1 and 0.15 times the parameter.

    It has no rule for that; the first result has the strength that steepest chooses for TGV.
    """
    import torch

    strength = steepest.denoise(noisy.image, None, steepest.TotalGeneralisedVariation()).strength
    if strength == 0:  # deepinv returns NaN
        yield noisy.image
        return
    image = torch.from_numpy(noisy.image)[None, None]
    for factor in GRID[[3, 2, 4]]:
        with torch.no_grad():
            yield deepinv_denoiser("TGV")()(image, 10 * strength * factor)[0, 0].numpy()


METHODS: dict[str, Method] = {
    "noisy": lambda noisy: iter([noisy.image]),
    "**TV**": partial(ours, steepest.TotalVariation()),
    "**TV, Huber 0.03**": partial(ours, steepest.TotalVariation(huber=0.03)),
    "**TGV**": partial(ours, steepest.TotalGeneralisedVariation()),
    "**second order**": partial(ours, steepest.SecondOrderTotalVariation()),
    "**combined**": partial(ours, steepest.CombinedTotalVariation()),
    "scikit-image TV": chambolle,
    "scikit-image wavelets": wavelet,
    "scikit-image NLM": non_local_means,
    "BM3D": block_matching,
    "deepinv TGV": deepinv,
}


def middle(image: Array) -> Array:
    """The middle of a halved image."""
    rows, columns = ((n - SIZE) // 2 for n in image.shape)
    return image[rows : rows + SIZE, columns : columns + SIZE]


def judge(method: Method, noisy: Noisy) -> Array:
    """PSNR and SSIM of the plain result, of the best one, and the CPU seconds of the plain one."""
    results = method(noisy)
    start = time.process_time()
    plain = next(results)
    seconds = time.process_time() - start
    first = noisy.quality(plain)
    best = max([first, *map(noisy.quality, results)])
    return np.array([*first, *best, seconds])


def measure(images: Iterable[Array]) -> tuple[dict[str, dict[str, Array]], list[str]]:
    """Means over the images by method and noise, and the methods that are missing."""
    images = [middle(image) for image in images]
    found: dict[str, dict[str, Array]] = {}
    missing = []
    for name, method in METHODS.items():
        try:
            judge(method, Noisy(images[0], "white 0.05", 0))  # imports and compiles
        except ImportError as error:
            missing.append(f"{name} ({error})")
            continue
        found[name] = {}
        for noise in NOISES:
            cells = [judge(method, Noisy(image, noise, k)) for k, image in enumerate(images)]
            found[name][noise] = np.mean(cells, 0)
            print(name, noise, *(f"{v:.3f}" for v in found[name][noise]), flush=True)
    return found, missing


def table(found: dict[str, dict[str, Array]], at: int, form: str) -> str:
    """Plain and best values at ``at`` and ``at + 2`` of each cell."""
    rows = [
        [name, *(f"{cell[at]:{form}} ({cell[at + 2]:{form}})" for cell in cells.values())]
        for name, cells in found.items()
    ]
    return markdown(["", *NOISES], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    paths = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in (".jpg", ".png"))
    paths = paths[options.offset :: options.every]
    photographs, missing = measure(halved(steepest.io.read_image(p).array) for p in paths)
    micrograph, _ = measure([halved(data.cell())])
    phantom, _ = measure([halved(np.rint(255 * data.shepp_logan_phantom()))])
    seconds = [
        [name, f"{np.mean([cell[4] for cell in cells.values()]):.3f}"]
        for name, cells in photographs.items()
        if name != "noisy"
    ]
    chosen = f"{len(paths)} photographs of `{options.folder.name}` (every {options.every}"
    parts = [
        "# Quality of denoising",
        f"`python -m benchmarks.quality FOLDER --every {options.every} --offset {options.offset} "
        f"--save`: {chosen}, from {options.offset}), halved, {SIZE} x {SIZE} pixels of the middle. "
        "First the result without knowledge of the noise, in brackets that with the best "
        "parameters. steepest is bold. deepinv has no rule for its strength and gets the one that "
        "steepest finds for TGV (its time includes that).",
        *([f"Missing: {', '.join(missing)}."] if missing else []),
        "## Photographs: PSNR in dB",
        table(photographs, 0, ".2f"),
        "## Photographs: SSIM",
        table(photographs, 1, ".3f"),
        "## A micrograph (scikit-image's `cell`): PSNR in dB",
        table(micrograph, 0, ".2f"),
        "## A phantom (scikit-image's `shepp_logan_phantom`): PSNR in dB",
        table(phantom, 0, ".2f"),
        "## CPU seconds for one photograph, with the choice of the strength",
        markdown(["", "seconds"], seconds),
        describe(),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.save:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
