"""Compare rate and distortion of steepest's compression with JPEG, JPEG 2000, WebP and AVIF.

    python -m benchmarks.rate_distortion FOLDER                # all images of a folder
    python -m benchmarks.rate_distortion FOLDER --images 10 --mask laplacian_dither
    python -m benchmarks.rate_distortion FOLDER --crop 256     # central crops, for a quick look

Protocol: each image is coded in colour and in greyscale (luma of ITU-R BT.601, rounded to 8 bits),
with every codec at several settings. Sizes are those of whole files with headers, without metadata.
All other codecs run through Pillow: JPEG progressive with optimised Huffman tables and the default
4:2:0 for colour; JPEG 2000 irreversible with rates as ratios and the colour transform; WebP with
method 6; AVIF with speed 4 and the default 4:2:0. For steepest only the density varies. PSNR (8
bits, all channels together) and SSIM (Wang et al. 2004, Gaussian window, by scikit-image, mean over
channels) compare the decoded image with the original. The table interpolates each image's curve at
the given bits per pixel, linearly in the logarithm of the size, and averages over the images whose
curves reach this rate; their number is in brackets.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import PIL
from PIL import Image as Pillow
from PIL import features
from skimage.metrics import structural_similarity

from steepest.compression import decompress, pack
from steepest.core.grey import to_grey
from steepest.io import image_files, read_image

DENSITIES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
RATES = (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
KINDS = ("grey", "colour")
RESULTS = Path(__file__).parent / "results" / "inpainting"
_RANGE = 255


@dataclass(frozen=True)
class Point:
    """The result of one codec at one setting for one image."""

    kind: str
    image: str
    codec: str
    setting: float
    bytes: int
    bits_per_pixel: float
    psnr: float
    ssim: float
    seconds: float


def pillow_settings() -> dict[str, list[tuple[float, dict[str, Any]]]]:
    """Settings by format, as arguments of Pillow's ``save``."""
    settings: dict[str, list[tuple[float, dict[str, Any]]]] = {
        "JPEG": [
            (q, {"quality": q, "optimize": True, "progressive": True})
            for q in (1, 2, 5, 10, 20, 35, 50, 70, 85)
        ]
    }
    if features.check("jpg_2000"):
        settings["JPEG2000"] = [
            (r, {"quality_mode": "rates", "quality_layers": [r], "irreversible": True})
            for r in (400, 240, 120, 60, 30, 15, 8)
        ]
    if features.check("webp"):
        settings["WEBP"] = [(q, {"quality": q, "method": 6}) for q in (0, 5, 15, 30, 50, 75, 90)]
    if features.check("avif"):
        settings["AVIF"] = [(q, {"quality": q, "speed": 4}) for q in (1, 5, 10, 20, 35, 50, 70, 85)]
    return settings


def through_pillow(pixels: np.ndarray, codec: str, options: dict[str, Any]) -> tuple[int, Any]:
    """File size and decoded pixels with a format of Pillow."""
    if codec == "JPEG2000" and pixels.ndim == 3:
        options = {**options, "mct": 1}  # the colour transform, off by default
    with BytesIO() as file:
        Pillow.fromarray(pixels).save(file, codec, **options)
        size = file.tell()
        file.seek(0)
        decoded = Pillow.open(file).convert("L" if pixels.ndim == 2 else "RGB")
        return size, np.asarray(decoded)


def through_steepest(pixels: np.ndarray, density: float, mask: str) -> tuple[int, Any]:
    """File size and decoded pixels with steepest."""
    axis = None if pixels.ndim == 2 else -1
    packed = pack(pixels, density, channel_axis=axis, mask_method=mask, rng=0)
    return len(packed.data), decompress(packed.data)


def codecs(mask: str) -> Iterator[tuple[str, float, Callable[[np.ndarray], tuple[int, Any]]]]:
    """Name, setting and function of every trial."""
    for density in DENSITIES:
        yield "steepest", density, lambda p, d=density: through_steepest(p, d, mask)
    for name, settings in pillow_settings().items():
        for value, options in settings:
            yield name, value, lambda p, n=name, o=options: through_pillow(p, n, o)


def measure(kind: str, name: str, pixels: np.ndarray, mask: str) -> list[Point]:
    """All codecs and settings on one image."""
    points = []
    for codec, setting, run in codecs(mask):
        start = perf_counter()
        size, decoded = run(pixels)
        seconds = perf_counter() - start
        error = float(np.mean((decoded.astype(float) - pixels.astype(float)) ** 2))
        axis = None if pixels.ndim == 2 else -1
        ssim = structural_similarity(
            pixels, decoded, data_range=_RANGE, channel_axis=axis,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        rate = 8 * size / (pixels.shape[0] * pixels.shape[1])
        psnr = 10 * np.log10(_RANGE**2 / max(error, 1e-9))
        points.append(
            Point(kind, name, codec, setting, size, rate, float(psnr), float(ssim), seconds)
        )
    return points


def load(path: Path, crop: int | None) -> dict[str, np.ndarray]:
    """The image in 8 bits, in greyscale and, if it has colours, in colour."""
    pixels = read_image(path).array
    if crop:
        top, left = (max(0, (n - crop) // 2) for n in pixels.shape[:2])
        pixels = np.ascontiguousarray(pixels[top : top + crop, left : left + crop])
    found = {"grey": np.rint(_RANGE * to_grey(pixels, str(path))).astype(np.uint8)}
    if pixels.ndim == 3:
        found["colour"] = pixels
    return found


def at_rate(points: Sequence[Point], rate: float, what: str) -> float | None:
    """The value of a curve at a number of bits per pixel; None outside the measured range."""
    ordered = sorted(points, key=lambda p: p.bits_per_pixel)
    rates = [p.bits_per_pixel for p in ordered]
    if not rates[0] <= rate <= rates[-1]:
        return None
    values = [getattr(p, what) for p in ordered]
    return float(np.interp(np.log(rate), np.log(rates), values))


def mean_at(points: Sequence[Point], rate: float, what: str) -> tuple[float, int]:
    """The mean of the images' curves at a rate, and the number of curves that reach it."""
    names = sorted({p.image for p in points})
    values = [at_rate([p for p in points if p.image == name], rate, what) for name in names]
    known = [value for value in values if value is not None]
    return (float(np.mean(known)) if known else float("nan")), len(known)


def table(points: Sequence[Point], kind: str, what: str) -> list[str]:
    """A Markdown table: one row per codec, one column per number of bits per pixel."""
    digits = 2 if what == "psnr" else 3
    lines = ["| codec | " + " | ".join(f"{r:g}" for r in RATES) + " |"]
    lines.append("|---|" + "---|" * len(RATES))
    for codec in dict.fromkeys(p.codec for p in points):
        mine = [p for p in points if p.codec == codec and p.kind == kind]
        cells = []
        for rate in RATES:
            value, number = mean_at(mine, rate, what)
            cells.append(f"{value:.{digits}f} ({number})" if number else "-")
        lines.append(f"| {codec} | " + " | ".join(cells) + " |")
    return lines


def report(points: Sequence[Point], arguments: argparse.Namespace) -> str:
    """The whole Markdown page."""
    names = sorted({p.image for p in points})
    lines = ["### Rate and distortion", ""]
    lines.append(
        f"`python -m benchmarks.rate_distortion`, {len(names)} images"
        + (f", central crops of {arguments.crop}²" if arguments.crop else "")
        + f", mask method `{arguments.mask}`; Pillow {PIL.__version__}. In brackets: images whose "
        "curve reaches that rate. Columns: bits per pixel of the whole file."
    )
    for kind in KINDS:
        if not any(p.kind == kind for p in points):
            continue
        for what, title in (("psnr", "PSNR in dB"), ("ssim", "SSIM")):
            lines += ["", f"#### {kind.capitalize()}: {title}", "", *table(points, kind, what)]
    return "\n".join(lines) + "\n"


def plot(points: Sequence[Point], path: Path) -> None:
    """Plot the mean curves."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = [kind for kind in KINDS if any(p.kind == kind for p in points)]
    figure, axes = pyplot.subplots(2, len(kinds), figsize=(5 * len(kinds), 7.5), squeeze=False)
    rates = np.geomspace(0.05, 2, 40)
    for column, kind in enumerate(kinds):
        for row, what in enumerate(("psnr", "ssim")):
            panel = axes[row, column]
            for codec in dict.fromkeys(p.codec for p in points):
                mine = [p for p in points if p.codec == codec and p.kind == kind]
                number = len({p.image for p in mine})
                curve = [mean_at(mine, rate, what) for rate in rates]
                whole = [(r, v) for r, (v, n) in zip(rates, curve, strict=True) if n == number]
                panel.plot(
                    [r for r, _ in whole], [v for _, v in whole], label=codec,
                    color="black" if codec == "steepest" else None,
                )  # fmt: skip
            panel.set(xscale="log", xlabel="bits per pixel", ylabel=what.upper(), title=kind)
            panel.grid(alpha=0.3)
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, help="number of images (default all)")
    parser.add_argument("--crop", type=int, help="use central crops of this size")
    parser.add_argument("--mask", default="echo", help="mask method (default echo)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    points: list[Point] = []
    for path in image_files(arguments.folder)[: arguments.images]:
        for kind, pixels in load(path, arguments.crop).items():
            points += measure(kind, path.name, pixels, arguments.mask)
            print(path.name, kind, flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    to = arguments.output / "rate_distortion"
    to.with_suffix(".json").write_text(json.dumps([asdict(p) for p in points], indent=1) + "\n")
    text = report(points, arguments)
    to.with_suffix(".md").write_text(text)
    plot(points, to.with_suffix(".png"))
    print(text)


if __name__ == "__main__":
    main()
