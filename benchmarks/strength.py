"""Loss of the automatic strength against the best one, on photographs with simulated noise.

    python -m benchmarks.strength FOLDER [--every N] [--offset K] [--save]

FOLDER holds photographs. They are averaged over 2 x 2 pixels first, so that the artefacts of their
own compression are small. ``--every`` and ``--offset`` choose some of them. The best strength is
searched on a grid of ratio 1.3 with a parabola through its three best values.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.restoration import calibrate_denoiser, denoise_tv_chambolle

import steepest
from benchmarks.tables import markdown, write

RATIO = 1.3
STRENGTHS = 2e-4 * RATIO ** np.arange(33)
RESULTS = Path(__file__).parent / "results" / "strength.md"
Noise = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def white(sigma: float) -> Noise:
    return lambda clean, rng: clean + sigma * rng.standard_normal(clean.shape)


def eight_bits(sigma: float) -> Noise:
    return lambda clean, rng: np.rint(255 * np.clip(white(sigma)(clean, rng), 0, 1)) / 255


def blurred(width: float, sigma: float) -> Noise:
    def add(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = gaussian_filter(rng.standard_normal(clean.shape), width, mode="wrap")
        return clean + sigma * noise / noise.std()

    return add


def photons(peak: float) -> Noise:
    return lambda clean, rng: rng.poisson(peak * clean) / peak


def jpeg(quality: int, sigma: float) -> Noise:
    from PIL import Image

    def compress(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        stored = io.BytesIO()
        pixels = np.rint(255 * np.clip(white(sigma)(clean, rng), 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(stored, "JPEG", quality=quality)
        return np.asarray(Image.open(stored), float) / 255

    return compress


NOISES: dict[str, Noise] = {
    **{f"white {s:g}": white(s) for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)},
    **{f"white {s:g}, 8 bits": eight_bits(s) for s in (0.02, 0.05, 0.1)},
    **{f"blurred {w:g} px, 0.05": blurred(w, 0.05) for w in (0.5, 0.7, 1.0)},
    **{f"photons {peak}": photons(peak) for peak in (30, 200)},
    **{f"white 0.05, JPEG {q}": jpeg(q, 0.05) for q in (90, 75, 50)},
    **{f"white 0.02, JPEG {q}": jpeg(q, 0.02) for q in (90, 75, 50)},
    **{f"no noise, JPEG {q}": jpeg(q, 0) for q in (90, 75, 50)},
}


def halved(image: np.ndarray) -> np.ndarray:
    """Grey values from 0 to 1 of an 8-bit image, averaged over 2 x 2 pixels."""
    grey = np.asarray(image, float) / 255
    grey = grey @ (0.2125, 0.7154, 0.0721) if grey.ndim == 3 else grey
    height, width = (n // 2 for n in grey.shape)
    return grey[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3))


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return -10 * float(np.log10(((image - clean) ** 2).mean()))


def best_psnr(noisy: np.ndarray, clean: np.ndarray) -> float:
    found, start = [], None
    for strength in STRENGTHS[::-1]:
        start = steepest.denoise_tv(noisy, strength, start=start)
        found.append(psnr(start.image, clean))
    at = int(np.argmax(found))
    if at in (0, len(found) - 1):
        return max(found)
    a, b, c = found[at - 1 : at + 2]
    return b + (a - c) ** 2 / (8 * (2 * b - a - c)) if 2 * b > a + c else b


def sure(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """The least risk for noise of which the deviation is known."""
    return np.asarray(steepest.denoise_least_risk(noisy, sigma).image)


def j_invariant(noisy: np.ndarray) -> np.ndarray:
    """scikit-image's weight by J-invariance."""
    weights = {"weight": list(STRENGTHS[5::2])}
    found = calibrate_denoiser(noisy, denoise_tv_chambolle, weights, extra_output=True)
    _, (tested, losses) = found
    return np.asarray(steepest.denoise_tv(noisy, tested[int(np.argmin(losses))]["weight"]).image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--noise", nargs="*", default=list(NOISES))
    parser.add_argument("--rivals", action="store_true", help="J-invariance too, which is slow")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    paths = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in (".jpg", ".png"))
    paths = paths[options.offset :: options.every]
    rows = []
    for name in options.noise:
        best, noisy_psnr, losses, level = [], [], [], []
        for number, path in enumerate(paths):
            clean = halved(steepest.io.read_image(path).array)
            noisy = NOISES[name](clean, np.random.default_rng(number)).astype(np.float32)
            sigma = float((noisy - clean).std())
            result = steepest.denoise_tv(noisy)
            ours = [np.asarray(result.image), sure(noisy, sigma)]
            ours.append(np.asarray(steepest.denoise_discrepancy(noisy, sigma).image))
            ours += [j_invariant(noisy)] if options.rivals else []
            best.append(best_psnr(noisy, clean))
            noisy_psnr.append(psnr(noisy, clean))
            losses.append([best[-1] - psnr(each, clean) for each in ours])
            level.append(result.sigma / sigma)
        loss, level_of = np.array(losses), np.array(level)
        own = loss[:, 0]
        rows.append(
            [
                name,
                f"{np.mean(noisy_psnr):.2f}",
                f"{np.mean(best):.2f}",
                f"**{own.mean():.2f}**",
                f"{np.quantile(own, 0.95):.2f}",
                f"{own.max():.2f}",
                f"{np.max(np.array(noisy_psnr) - np.array(best) + own):.2f}",
                f"{np.median(level_of):.2f} ({np.mean(abs(level_of - 1) <= 0.1):.0%})",
                *(f"{each.mean():.2f} / {each.max():.2f}" for each in loss.T[1:]),
            ]
        )
        print(*rows[-1], sep="  ", flush=True)
    columns = ["noise", "noisy", "best", "mean loss", "95 %", "worst", "below noisy"]
    columns += ["sigma found / true (within 10 %)", "least risk, sigma known", "discrepancy, known"]
    columns += ["J-invariance"] if options.rivals else []
    note = (
        f"{len(paths)} photographs of `{options.folder.name}` (every {options.every}, from "
        f"{options.offset}), averaged over 2 x 2 pixels. PSNR and losses in dB; the last columns "
        "give mean / worst loss."
    )
    print(markdown(columns, rows))
    if options.save:
        write(RESULTS, columns, rows, note)


if __name__ == "__main__":
    main()
