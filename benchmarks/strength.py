"""Loss of the automatic strength against the best one, on photographs with simulated noise.

    python -m benchmarks.strength FOLDER [--table NAME] [--every N] [--offset K] [--save]

FOLDER holds photographs. They are averaged over 2 x 2 pixels first, so that the artefacts of their
own compression are small. ``--every`` and ``--offset`` choose some of them. The best strength is
searched on a grid of ratio 1.3 with a parabola through its three best values.

``--table colour`` is for colour photographs that are compressed as JPEG; ``--table camera`` shows
what the model of a camera gains or loses (``steepest denoise --noise auto``); ``--table saturated``
is for photographs that are black or white in large parts; ``--table hundred`` is white noise on
many photographs, and names the worst; ``--table cost`` compares the time with that of a given
strength, on images of scikit-image. Photographs that other tables or docs/denoising.md show are
told from those that nobody had looked at.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import convolve, gaussian_filter, zoom
from skimage import data
from skimage.restoration import calibrate_denoiser, denoise_tv_chambolle

import steepest
from benchmarks.tables import markdown, write

RATIO = 1.3
STRENGTHS = 2e-4 * RATIO ** np.arange(33)
RESULTS = Path(__file__).parent / "results"
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


def upsampled(factor: float, sigma: float) -> Noise:
    """Noise of an image that was then enlarged, by linear interpolation."""

    def add(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        small = rng.standard_normal([int(n / factor) + 2 for n in clean.shape])
        noise = zoom(small, factor, order=1)[tuple(slice(n) for n in clean.shape)]
        return clean + sigma * noise / noise.std()

    return add


def demosaiced(sigma: float) -> Noise:
    """Noise of a sensor with a Bayer pattern, interpolated linearly, as it is in grey."""
    sparse = np.outer([1, 2, 1], [1, 2, 1]) / 4
    dense = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4

    def add(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        own, (y, x) = rng.standard_normal(clean.shape), np.indices(clean.shape) % 2
        red, blue = (convolve(own * (y == k) * (x == k), sparse, mode="mirror") for k in (0, 1))
        green = convolve(own * (y != x), dense, mode="mirror")
        noise = 0.2125 * red + 0.7154 * green + 0.0721 * blue
        return clean + sigma * noise / noise.std()

    return add


def photons(peak: float) -> Noise:
    return lambda clean, rng: rng.poisson(peak * clean) / peak


def camera(peak: float, read_noise: float, black: float = 0.0) -> Noise:
    """Photons and read noise, relative to white, in 12 bits, so that photons do not show."""

    def expose(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        light = rng.poisson(peak * clean) + read_noise * rng.standard_normal(clean.shape)
        return np.rint(4095 * np.clip(black + (1 - black) * light / peak, 0, 1)) / 4095

    return expose


def jpeg(quality: int, sigma: float, sampling: str = "4:2:0") -> Noise:
    from PIL import Image

    def compress(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        stored = io.BytesIO()
        pixels = np.rint(255 * np.clip(white(sigma)(clean, rng), 0, 1)).astype(np.uint8)
        Image.fromarray(pixels).save(stored, "JPEG", quality=quality, subsampling=sampling)
        return np.asarray(Image.open(stored), float) / 255

    return compress


NOISES: dict[str, Noise] = {
    **{f"white {s:g}": white(s) for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)},
    **{f"white {s:g}, 8 bits": eight_bits(s) for s in (0.005, 0.02, 0.05, 0.1)},
    **{f"blurred {w:g} px, 0.05": blurred(w, 0.05) for w in (0.5, 0.7, 1.0)},
    "upsampled 1.5, 0.05": upsampled(1.5, 0.05),
    "demosaiced, 0.05": demosaiced(0.05),
    **{f"photons {peak}": photons(peak) for peak in (1, 2, 5, 30, 200)},
    **{f"white 0.05, JPEG {q}": jpeg(q, 0.05) for q in (90, 75, 50)},
    **{f"white 0.02, JPEG {q}": jpeg(q, 0.02) for q in (90, 75, 50)},
    **{f"no noise, JPEG {q}": jpeg(q, 0) for q in (90, 75, 50)},
}
COLOURS: dict[str, Noise] = {
    f"white {s:g}, JPEG {q}, {how}": jpeg(q, s, how)
    for s, how in ((0.02, "4:2:0"), (0.05, "4:2:0"), (0.1, "4:2:0"), (0.05, "4:4:4"))
    for q in (90, 75, 50)
}
CAMERAS: dict[str, Noise] = {
    **{f"photons {peak}, no read noise": camera(peak, 0) for peak in (5, 10, 30, 100, 1000)},
    **{f"photons {peak}, read noise {r}": camera(peak, r) for peak, r in ((30, 3), (100, 5))},
    "photons 100, read noise 2, black at 0.1": camera(100, 2, 0.1),
    **{f"white {s:g}, 8 bits": eight_bits(s) for s in (0.005, 0.02, 0.05, 0.1)},
}
EXPOSURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bright": lambda clean: np.clip(1.7 * clean, 0, 1),
    "dark": lambda clean: np.clip((clean - 0.3) / 0.7, 0, 1),
    "contrast": lambda clean: np.clip(2.5 * clean - 0.75, 0, 1),
}
SATURATED: dict[str, Noise] = {
    f"{how}, white {s:g}, 8 bits": eight_bits(s) for how in EXPOSURES for s in (0.02, 0.05, 0.1)
}
HUNDRED: dict[str, Noise] = {
    f"white {s:g}{bits}": add(s)
    for add, bits in ((white, ""), (eight_bits, ", 8 bits"))
    for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
}
COSTS = ("white 0.01", "white 0.05", "white 0.2", "blurred 0.7 px, 0.05")
LOOKED_AT = {"69020", "302008", "3096", "101085"}  # named in docs/denoising.md
TABLES = {
    "grey": NOISES,
    "colour": COLOURS,
    "camera": CAMERAS,
    "saturated": SATURATED,
    "hundred": HUNDRED,
    "cost": {name: NOISES[name] for name in COSTS},
}


def level_of(name: str) -> float:
    """The deviation of white noise that has this name, before it is cut off."""
    return float(name.split("white ")[1].split(",")[0])


def halved(image: np.ndarray, colour: bool = False) -> np.ndarray:
    """An 8-bit image from 0 to 1, grey unless ``colour``, averaged over 2 x 2 pixels."""
    values = np.asarray(image, float) / 255
    if values.ndim == 3 and not colour:
        values = values @ (0.2125, 0.7154, 0.0721)
    height, width = (n // 2 for n in values.shape[:2])
    parts = values[: 2 * height, : 2 * width]
    return np.asarray(parts.reshape(height, 2, width, 2, *values.shape[2:]).mean((1, 3)))


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return -10 * float(np.log10(((image - clean) ** 2).mean()))


def best_psnr(noisy: np.ndarray, clean: np.ndarray, strengths: np.ndarray, **axis: int) -> float:
    found, start = [], None
    for strength in strengths[::-1]:
        start = steepest.denoise_tv(noisy, strength, start=start, **axis)
        found.append(psnr(start.image, clean))
    at = int(np.argmax(found))
    if at in (0, len(found) - 1):
        return max(found)
    a, b, c = found[at - 1 : at + 2]
    return b + (a - c) ** 2 / (8 * (2 * b - a - c)) if 2 * b > a + c else b


def j_invariant(noisy: np.ndarray) -> np.ndarray:
    """scikit-image's weight by J-invariance."""
    weights = {"weight": list(STRENGTHS[5::2])}
    found = calibrate_denoiser(noisy, denoise_tv_chambolle, weights, extra_output=True)
    _, (tested, losses) = found
    return np.asarray(steepest.denoise_tv(noisy, tested[int(np.argmin(losses))]["weight"]).image)


def by_camera(noisy: np.ndarray) -> tuple[np.ndarray, bool]:
    """Denoised as by ``--noise auto``, and whether a gain was found."""
    model = steepest.estimate_noise_model(noisy)
    if model.gain > 0 and model.blur == 0:
        with suppress(steepest.InputError):
            stable = steepest.anscombe(noisy, *model.camera)
            sigma = steepest.anscombe_noise(noisy, *model.camera)
            denoised = steepest.denoise_least_risk(stable, sigma).image
            return np.asarray(steepest.inverse_anscombe(denoised, *model.camera)), True
    return np.asarray(steepest.denoise_tv(noisy).image), False


def photographs(paths: list[Path], colour: bool) -> Iterator[np.ndarray]:
    """The photographs, as by `halved`."""
    for path in paths:
        yield halved(steepest.io.read_image(path).array, colour)


def camera_row(name: str, paths: list[Path]) -> list[str]:
    """What the model of a camera gains over one deviation for all."""
    gains, usual, count = [], [], 0
    for number, clean in enumerate(photographs(paths, colour=False)):
        black = 0.1 if "black" in name else 0.0
        noisy = CAMERAS[name](clean, np.random.default_rng(number)).astype(np.float32)
        clean = black + (1 - black) * clean
        usual.append(psnr(np.asarray(steepest.denoise_tv(noisy).image), clean))
        image, found = by_camera(noisy)
        gains.append(psnr(image, clean) - usual[-1])
        count += found
    texts = [f"{np.mean(usual):.2f}", f"**{np.mean(gains):+.2f}**"]
    texts += [f"{np.min(gains):+.2f}", f"{np.max(gains):+.2f}", f"{count} of {len(paths)}"]
    return [name, *texts]


def seconds(call: Callable[[], object]) -> float:
    """Processor time, the least of five runs."""
    taken = []
    for _ in range(5):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return min(taken)


def cost_row(name: str) -> list[str]:
    """How many times as long as a given strength the automatic one takes, on one thread."""
    camera = data.camera()
    cells, solver = [name], steepest.Solver(num_threads=1)
    for clean in (halved(camera), camera / 255, data.coffee() / 255):
        axis = {"channel_axis": -1} if clean.ndim == 3 else {}
        noisy = NOISES[name](clean, np.random.default_rng(0)).astype(np.float32)
        result = steepest.denoise_tv(noisy, solver=solver, **axis)
        automatic, given = (
            seconds(partial(steepest.denoise_tv, noisy, strength, solver=solver, **axis))
            for strength in (None, result.strength)
        )
        cells.append(f"{automatic / given:.1f} ({1e3 * automatic:.0f} ms)")
    return cells


def hundred_row(name: str, paths: list[Path]) -> list[str]:
    """The losses on many photographs, and on those of them that nobody had looked at."""
    seen = {p.stem for p in (*paths[3::10], *paths[2::12])} | LOOKED_AT
    sigma = level_of(name)
    near = STRENGTHS[abs(np.log(STRENGTHS / (0.3 * sigma))) < np.log(10)]
    losses, below = [], []
    for number, clean in enumerate(photographs(paths, colour=False)):
        noisy = HUNDRED[name](clean, np.random.default_rng(number)).astype(np.float32)
        own = psnr(np.asarray(steepest.denoise_tv(noisy).image), clean)
        losses.append(best_psnr(noisy, clean, near) - own)
        below.append(psnr(noisy, clean) - own)
    loss = np.array(losses)
    fresh = loss[[path.stem not in seen for path in paths]]
    bad = [f"{paths[i].stem} ({loss[i]:.2f})" for i in np.argsort(-loss) if loss[i] > 0.5]
    return [
        name,
        f"**{loss.mean():.2f}**",
        f"{np.quantile(loss, 0.95):.2f}",
        f"{(loss <= 0.5).sum()}",
        f"{loss.max():.2f}",
        f"{max(below):.2f}",
        f"{fresh.mean():.2f} / {fresh.max():.2f} ({(fresh <= 0.5).sum()} of {len(fresh)})",
        ", ".join(bad) or "none",
    ]


def strength_row(
    name: str, paths: list[Path], noise: Noise, colour: bool, rivals: bool
) -> list[str]:
    """The loss of each rule."""
    axis = {"channel_axis": -1} if colour else {}
    best, noisy_psnr, losses, level = [], [], [], []
    exposed = EXPOSURES.get(name.split(",")[0], np.asarray)
    for number, clean in enumerate(map(exposed, photographs(paths, colour))):
        noisy = noise(clean, np.random.default_rng(number)).astype(np.float32)
        removed = float((noisy - clean).std())
        sigma = level_of(name) if "8 bits" in name else removed  # before it is cut off
        result = steepest.denoise_tv(noisy, **axis)
        ours = [result, steepest.denoise_least_risk(noisy, sigma, **axis)]
        ours.append(steepest.denoise_discrepancy(noisy, removed, **axis))
        images = [np.asarray(each.image) for each in ours]
        images += [j_invariant(noisy)] if rivals else []
        best.append(best_psnr(noisy, clean, STRENGTHS, **axis))
        noisy_psnr.append(psnr(noisy, clean))
        losses.append([best[-1] - psnr(each, clean) for each in images])
        level.append(result.sigma / sigma)
    loss, ratio = np.array(losses), np.array(level)
    own = loss[:, 0]
    return [
        name,
        f"{np.mean(noisy_psnr):.2f}",
        f"{np.mean(best):.2f}",
        f"**{own.mean():.2f}**",
        f"{np.quantile(own, 0.95):.2f}",
        f"{own.max():.2f}",
        f"{np.max(np.array(noisy_psnr) - np.array(best) + own):.2f}",
        f"{np.median(ratio):.2f} ({np.mean(abs(ratio - 1) <= 0.1):.0%})",
        *(f"{each.mean():.2f} / {each.max():.2f}" for each in loss.T[1:]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", choices=TABLES, default="grey")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--noise", nargs="*", help="some rows only")
    parser.add_argument("--rivals", action="store_true", help="J-invariance too, which is slow")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    paths = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in (".jpg", ".png"))
    paths = paths[options.offset :: options.every]
    noises, colour = TABLES[options.table], options.table == "colour"
    rows = []
    for name in options.noise or noises:
        if options.table == "camera":
            rows.append(camera_row(name, paths))
        elif options.table == "hundred":
            rows.append(hundred_row(name, paths))
        elif options.table == "cost":
            rows.append(cost_row(name))
        else:
            rows.append(strength_row(name, paths, noises[name], colour, options.rivals))
        print(*rows[-1], sep="  ", flush=True)
    note = (
        f"{len(paths)} photographs of `{options.folder.name}` (every {options.every}, from "
        f"{options.offset}), averaged over 2 x 2 pixels. "
    )
    if options.table == "camera":
        columns = ["noise", "one deviation", "camera: mean gain", "least", "most", "gain found"]
        note += "PSNR and gains in dB. Read noise in photons, 12 bits if not 8."
    elif options.table == "hundred":
        columns = ["noise", "mean loss", "95 %", "up to 0.5 dB", "worst", "below noisy"]
        columns += ["not looked at before: mean / worst (up to 0.5)", "above 0.5 dB"]
        note += "Losses in dB, in float and cut off and rounded to 8 bits."
    elif options.table == "cost":
        columns = ["noise", "camera, 256 x 256", "camera, 512 x 512", "coffee, 400 x 600, colour"]
        note = "Processor time of one thread over that of a given strength (both to a gap of 1e-4)."
    else:
        columns = ["noise", "noisy", "best", "mean loss", "95 %", "worst", "below noisy"]
        columns += ["sigma found / true (within 10 %)", "least risk, sigma known"]
        columns += ["discrepancy, known", *(["J-invariance"] if options.rivals else [])]
        note += "PSNR and losses in dB; the last columns give mean / worst loss."
    print(markdown(columns, rows))
    if options.save:
        name = "strength.md" if options.table == "grey" else f"strength_{options.table}.md"
        write(RESULTS / name, columns, rows, note)


if __name__ == "__main__":
    main()
