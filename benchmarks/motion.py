"""Displacement and strain against optical flow of scikit-image and OpenCV, on generated speckle.

``python -m benchmarks.motion`` writes ``results/motion/strain.md``; ``python -m benchmarks.motion
coverage`` writes ``results/motion/coverage.md``. Peers have no strain: their displacement is
differentiated by a derivative of Gaussian, whose width is the best one for each case out of 0
(plain differences), 2, 4, 8 and 12 pixels; ours is one setting, the default.
OpenCV (``pip install opencv-python-headless``), SUN-DIC (`benchmarks.sun_dic`) and muDIC
(`benchmarks.mu_dic`) are left out if they are not installed. SUN-DIC knows nothing within 16 pixels
of the border, and muDIC within 12; there their errors are not counted.

``python -m benchmarks.motion tensile FOLDER`` writes ``results/motion/tensile.md``, or
``tensile_mudic.md``: images of a tensile test, where the truth is unknown. The folder is that of
the example of SUN-DIC, or that of muDIC.

``python -m benchmarks.motion hard`` writes ``results/motion/hard.md``: large shifts, rotations and
more.

``python -m benchmarks.motion speed`` writes ``results/motion/speed.md``.

``python -m benchmarks.motion tiles`` writes ``results/motion/tiles.md``: how much the halo of a
tile matters, and the memory that tiles take.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.special import erf

from benchmarks import mu_dic, sun_dic
from benchmarks.report import describe_machine
from benchmarks.speckle import speckle_pair
from steepest import Solver, Tiles, TotalGeneralisedVariation, motion
from steepest.convex.saddle import SaddleDual

OUTPUT = Path(__file__).parent / "results" / "motion"
SIZE, MARGIN = 128, 12
LARGE = 1536  # pixels: for tiles
WIDTHS = (0, 2, 4, 8, 12)
SEEDS = (50, 51, 52)
TENSILE = 8  # pixels: width of the derivative for peers on a real pair
Field = Callable[[np.ndarray], np.ndarray]


def _along(function: Callable[[np.ndarray], np.ndarray]) -> Field:
    return lambda x: np.stack([0 * x[..., 0], function(x[..., 1] - SIZE / 2)], -1)


def _wave(x: np.ndarray) -> np.ndarray:
    y, z = x[..., 0], x[..., 1]
    return np.stack([0.12 * np.sin(z / 14), 0.1 * np.sin(z / 9 + y / 11)], -1)


def _hole(x: np.ndarray) -> np.ndarray:
    """A bump of radial displacement, like the pressure of an inclusion, and a small rotation."""
    d = x - SIZE / 2
    square = (d * d).sum(-1, keepdims=True)
    return 0.02 * d * np.exp(-square / 450) + 0.01 * d[..., ::-1] * np.array([1, -1])


CASES: dict[str, Field] = {
    "uniform 1 %": _along(lambda x: 0.01 * x),
    "band": _along(lambda x: 0.02 * np.sqrt(np.pi / 2) * 6 * erf(x / (6 * np.sqrt(2)))),
    "beside a crack": _along(lambda x: 0.002 * x + 0.5 * (x > 0)),
    "wave (untuned)": _wave,
    "inclusion (untuned)": _hole,
}


def _grid() -> np.ndarray:
    return np.moveaxis(np.indices((SIZE, SIZE)).astype(float), 0, -1)


def true_strain(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Displacement and strain of a case, and nan where it does not count."""
    grid, h = _grid(), 1e-4
    u = np.moveaxis(CASES[name](grid), -1, 0)
    columns = []
    for axis in range(2):
        shift = h * np.eye(2)[axis]
        columns.append((CASES[name](grid + shift) - CASES[name](grid - shift)) / (2 * h))
    w = np.moveaxis(np.stack(columns, -1), (2, 3), (0, 1))
    strain = (w + w.swapaxes(0, 1)) / 2
    mask = np.full((SIZE, SIZE), np.nan)
    mask[MARGIN:-MARGIN, MARGIN:-MARGIN] = 0
    if "crack" in name:
        mask[:, abs(np.arange(SIZE) - SIZE // 2) < MARGIN] = np.nan
    return u + mask, strain + mask


def derivative(u: np.ndarray, width: float) -> np.ndarray:
    """The strain of a displacement by derivatives of Gaussians; NaN where it is."""
    unknown = np.isnan(u[0])
    if unknown.any():
        nearest = distance_transform_edt(unknown, return_distances=False, return_indices=True)
        u = u[(slice(None), *nearest)]
    mask = np.where(unknown, np.nan, 0.0)
    if width == 0:
        return motion.strain(u) + mask
    parts = [[gaussian_filter(c, width, order=o) for o in ((1, 0), (0, 1))] for c in u]
    w = np.array(parts)
    return (w + w.swapaxes(0, 1)) / 2 + mask


def peers() -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Functions that return the displacement (2, H, W)."""
    from skimage.registration import optical_flow_ilk, optical_flow_tvl1

    def ilk(radius: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        return lambda a, b: np.asarray(optical_flow_ilk(a, b, radius=radius))

    found = {f"scikit-image iLK, radius {r}": ilk(r) for r in (5, 9, 15)}
    found["scikit-image TV-L1"] = lambda a, b: np.asarray(optical_flow_tvl1(a, b))
    if sun_dic.installed():
        found["SUN-DIC, subsets of 33"] = sun_dic.sun_dic
    if mu_dic.installed():
        for element in (23, 40):
            name = f"muDIC, elements of {element}"
            found[name] = partial(mu_dic.mu_dic, element=element)
    try:
        import cv2
    except ImportError:
        return found

    def bytes_of(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
        low, high = a.min(), a.max()
        return [(np.clip((x - low) / (high - low), 0, 1) * 255).astype(np.uint8) for x in (a, b)]

    def dis(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        method.setFinestScale(0)
        flow = method.calc(*bytes_of(a, b), None)
        return np.moveaxis(flow[..., ::-1], -1, 0).astype(float)

    def farneback(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        flow = cv2.calcOpticalFlowFarneback(*bytes_of(a, b), None, 0.5, 3, 21, 5, 7, 1.5, 0)
        return np.moveaxis(flow[..., ::-1], -1, 0).astype(float)

    found["OpenCV DIS"], found["OpenCV Farnebäck"] = dis, farneback
    return found


def rms(error: np.ndarray) -> float:
    """The root mean square, without nan."""
    return float(np.sqrt(np.nanmean(error**2)))


def strains() -> None:
    """Write the table of strain errors."""
    names = ("`motion.displacement`", *peers())
    table = {name: dict[str, str]() for name in names}
    seconds = dict.fromkeys(names, np.inf)
    for case, field in CASES.items():
        u, strain = true_strain(case)
        pairs = [speckle_pair((SIZE, SIZE), field, noise=0.01, rng=s) for s in SEEDS]
        errors = []
        for pair in pairs:
            begin = process_time()
            result = motion.displacement(*pair)
            seconds[names[0]] = min(seconds[names[0]], process_time() - begin)
            errors.append((rms(result.strain - strain), rms(result.displacement - u)))
        of_strain, of_u = np.mean(errors, 0)
        table[names[0]][case] = f"{of_strain:.5f} ({of_u:.3f})"
        for name, method in peers().items():
            fields = []
            for pair in pairs:
                begin = process_time()
                fields.append(method(*pair))
                seconds[name] = min(seconds[name], process_time() - begin)
            best, width = min(
                (np.mean([rms(derivative(f, w) - strain) for f in fields]), w) for w in WIDTHS
            )
            moved = np.mean([rms(f - u) for f in fields])
            table[name][case] = f"{best:.5f}, {width} px ({moved:.3f})"
            print(case, name, table[name][case], flush=True)
        print(case, table[names[0]][case], flush=True)
    lines = [f"| | {' | '.join(CASES)} | CPU s |", "|---" * (len(CASES) + 2) + "|"]
    for name, cells in table.items():
        lines.append(f"| {name} | {' | '.join(cells.values())} | {seconds[name]:.2f} |")
    write("strain.md", lines, f"python -m benchmarks.motion; seeds {SEEDS}")


def random_case(seed: int) -> Field:
    """A random affine deformation and two waves."""
    rng = np.random.default_rng(seed)
    affine, k = rng.uniform(-0.008, 0.008, (2, 2)), rng.uniform(0.02, 0.08, 2)
    a = rng.uniform(0.002, 0.012) / k
    return lambda x: (
        (x - SIZE / 2) @ affine.T
        + np.stack([a[0] * np.sin(k[0] * x[..., 1]), a[1] * np.sin(k[1] * x[..., 0])], -1)
    )


def coverage() -> None:
    """Write how often intervals of 90 % hold the truth, for ten pairs; calibrated on others."""
    lines = [
        "| noise | displacement: mean, least, most | strain | error: px, strain |",
        "|---" * 4 + "|",
    ]
    for noise in (0.0, 0.01, 0.02, 0.05):
        rows = np.array([_shares(seed, noise) for seed in range(40, 50)])
        cells = [
            ", ".join(f"{f(rows[:, k]):.3f}" for f in (np.mean, np.min, np.max)) for k in (0, 1)
        ]
        errors = np.sqrt((rows[:, 2:] ** 2).mean(0))
        lines.append(f"| {noise} | {' | '.join(cells)} | {errors[0]:.4f}, {errors[1]:.5f} |")
    write("coverage.md", lines, "python -m benchmarks.motion coverage; seeds 40 to 49")


def _shares(seed: int, noise: float) -> list[float]:
    """The shares of displacements and strains within their intervals of 90 %, and the errors."""
    CASES["random"] = random_case(seed)
    u, strain = true_strain("random")
    pair = speckle_pair((SIZE, SIZE), CASES["random"], noise=noise, rng=seed)
    result = motion.displacement(*pair)
    shares, errors = [], []
    for value, truth, std in (
        (result.displacement, u, result.displacement_std),
        (result.strain, strain, result.strain_std),
    ):
        known = np.isfinite(truth)
        shares.append(float((abs(value - truth) < 1.645 * std)[known].mean()))
        errors.append(rms(value - truth))
    return shares + errors


def tensile(folder: Path) -> None:
    """Write the table of a real pair: the ends of a series."""
    from PIL import Image

    known = {
        "img_0.tif": (2, (256, 512), "tensile.md"),
        "ut_151.tif": (6, (slice(400, 912), slice(316, 524)), "tensile_mudic.md"),
    }
    paths = sorted(folder.iterdir())
    count, window, output = known[paths[0].name]
    images = [np.asarray(Image.open(p).convert("L"), float) / 255 for p in paths[:count]]
    if isinstance(window[0], int):  # in the middle
        sizes = zip(images[0].shape, window, strict=True)
        window = tuple(slice((n - m) // 2, (n + m) // 2) for n, m in sizes)
    frames = [image[window] for image in images]
    before, after = frames[0], frames[-1]
    methods = {"`motion.displacement`": None, **peers()}
    lines = ["| | strain yy: mean, spread | strain xx: mean, spread | residual | CPU s |"]
    lines.append("|---" * 5 + "|")
    for name, method in methods.items():
        begin = process_time()
        if method is None:
            result = motion.displacement(before, after, max_shift=8)
            u, strain, used = result.displacement, result.strain, ""
        else:
            if name.startswith("muDIC"):  # it takes all frames, and needs room to move
                method, series = partial(method, margin=24), frames
            else:
                series = [before, after]
            u, used = method(*series), f", {TENSILE} px"
            strain = derivative(u, TENSILE)
        seconds = process_time() - begin
        inner = (slice(40, -40), slice(40, -40))
        residual = np.nanstd((motion.warp(after, np.nan_to_num(u)) - before + 0 * u[0])[inner])
        cells = []
        for k in (0, 1):
            values = strain[k, k][inner]
            cells.append(f"{np.nanmean(values):.5f}, {np.nanstd(values):.5f}")
        lines.append(f"| {name}{used} | {' | '.join(cells)} | {residual:.4f} | {seconds:.1f} |")
        print(lines[-1], flush=True)
    write(output, lines, "python -m benchmarks.motion tensile FOLDER")


def hard() -> None:
    """Write the errors in hard cases, of 192 x 192 pixels; 48 pixels at the border do not count."""
    size, mask = 192, np.ones((192, 192), bool)
    mask[60:110, 80:130] = False
    holes = np.random.default_rng(1).random((2, size, size))

    def turn(angle: float) -> Field:
        c, s = np.cos(angle), np.sin(angle)
        return lambda x: (x - size / 2) @ (np.array([[c, -s], [s, c]]) - np.eye(2)).T

    def stretch(shift: float) -> Field:
        return lambda x: shift + 0.01 * (x - size / 2) * [0, 1]

    quiet: dict[str, object] = {"noise": 0.01}
    cases: dict[str, tuple[Field, dict[str, object], dict[str, object]]] = {
        "1 %": (stretch(0), quiet, {}),
        "1 % and a shift of 30 pixels": (stretch(30 / np.sqrt(2)), quiet, {"max_shift": 34}),
        "rotation by 3°": (turn(np.deg2rad(3)), quiet, {"max_shift": 8}),
        "rotation by 10°": (turn(np.deg2rad(10)), quiet, {"max_shift": 24}),
        "1 %, noise 5 %": (stretch(0), {"noise": 0.05}, {}),
        "1 %, a region of 50 x 50 pixels missing": (stretch(0), quiet, {"weights": mask}),
        "1 %, half as bright": (stretch(0), {**quiet, "dim": 0.5}, {}),
    }
    grid, cut = np.moveaxis(np.indices((size, size)).astype(float), 0, -1), slice(48, -48)
    lines = ["| | displacement, px | strain of Green and Lagrange | CPU s |", "|---" * 4 + "|"]
    for name, (field, image, options) in cases.items():
        dim = float(str(image.get("dim", 1)))
        before, after = speckle_pair((size, size), field, noise=float(str(image["noise"])), rng=60)
        after = dim * after
        if "weights" in options:
            before, after = (
                np.where(mask, x, h) for x, h in zip((before, after), holes, strict=True)
            )
        begin = process_time()
        found = motion.displacement(before, after, measure="green-lagrange", **options)  # type: ignore[arg-type]
        seconds = process_time() - begin
        u = np.moveaxis(field(grid), -1, 0)
        strain = np.zeros((2, 2, size, size))
        if "%" in name:
            strain[1, 1] = 0.01 + 0.01**2 / 2
        known = np.where(mask, 0, np.nan) if "weights" in options else 0
        errors = [
            rms((value - truth + known)[..., cut, cut])
            for value, truth in ((found.displacement, u), (found.strain, strain))
        ]
        lines.append(f"| {name} | {errors[0]:.3f} | {errors[1]:.5f} | {seconds:.1f} |")
    write("hard.md", lines, "python -m benchmarks.motion hard")


def _large(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Speckle with strain, waves and a crack."""

    def field(x: np.ndarray) -> np.ndarray:
        d = x - size / 2
        crack = 0.4 * (d[:, 1] > 0) * (d[:, 0] < 0)
        along = 0.1 * np.sin(x[:, 1] / 9 + x[:, 0] / 11) + crack
        return np.stack([0.12 * np.sin(x[:, 1] / 14), along], 1) + d * [1 / size, 1.5 / size]

    before, after = speckle_pair((size, size), field, noise=0.01, rng=1)
    return before.astype(np.float32), after.astype(np.float32)


def _effort(file: str, tiles: Tiles | None) -> tuple[float, float]:
    """CPU seconds, and the largest memory of the process in MB, of a pair in a file."""
    motion.displacement(*speckle_pair((64, 64), lambda x: 0 * x, rng=0))  # compiles
    before, after = np.load(file, mmap_mode="r")
    begin = process_time()
    motion.displacement(before, after, tiles=tiles)
    return process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def speed() -> None:
    """Write the seconds of a pair of 512 x 512 pixels: the best of five, after compiling.

    Below stands what an iteration would take in array code for volumes.
    """
    lines = [
        f"| 512 x 512, load {os.getloadavg()[0]:.0f} | threads | seconds | CPU s | iterations |",
        "|---" * 5 + "|",
    ]
    pair = _large(512)
    noise = np.random.default_rng(2).normal(0, 0.05, (2, 512, 512))
    cases: dict[str, tuple[Sequence[np.ndarray], float]] = {
        "noise 1 %": (pair, 2),
        "noise 5 %": ([x + n for x, n in zip(pair, noise, strict=True)], 2),
        "noise 1 %, moved by 28 pixels": ([pair[0], np.roll(pair[1], (20, 20), (0, 1))], 30),
    }
    for name, (images, most) in cases.items():
        for threads in (1, 2):
            best = np.full(2, np.inf)
            for _ in range(5):
                begin = np.array([perf_counter(), process_time()])
                found = motion.displacement(
                    *images, max_shift=most, solver=Solver(num_threads=threads)
                )
                best = np.minimum(best, [perf_counter(), process_time()] - begin)
            lines.append(
                f"| {name} | {threads} | {best[0]:.2f} | {best[1]:.2f} | {found.iterations} |"
            )
            print(lines[-1], flush=True)
    volume = np.random.default_rng(0).random((3, 64, 64, 64)).astype(np.float32)
    solver = SaddleDual(volume, TotalGeneralisedVariation().on(volume, (1.0,) * 3))
    solver.iterate([0.0])
    begin_volume = process_time()
    solver.iterate([0.0] * 10)
    each = (process_time() - begin_volume) / 10
    lines += ["", f"An iteration of TGV for three components of 64 x 64 x 64: {each:.3f} CPU s."]
    write("speed.md", lines, "python -m benchmarks.motion speed")


def tiles() -> None:
    """Write how much the result depends on the halo."""
    size, core = 640, slice(192, 448)
    pair = _large(size)
    whole = motion.displacement(*pair)
    cut = (..., core, core)

    def row(name: str, found: motion.Displacement, inner: tuple[object, ...]) -> str:
        of_u = rms(found.displacement[inner] - whole.displacement[cut])
        share = (found.strain[inner] - whole.strain[cut]) / whole.strain_std[cut]
        return f"| {name} | {of_u:.5f} | {rms(share):.3f} | {np.abs(share).max():.2f} |"

    lines = ["| halo | displacement, px | strain, in units of `strain_std` | largest |", "|---" * 4]
    lines[1] += "|"
    for halo in (16, 24, 32, 48, 64, 96, 128):
        window = (slice(core.start - halo, core.stop + halo),) * 2
        found = motion.displacement(*(image[window] for image in pair))
        inner = (..., *(slice(halo, halo + core.stop - core.start),) * 2)
        lines.append(row(str(halo), found, inner))
    finer = motion.displacement(*pair, solver=Solver(1e-3))
    lines.append(row("no tiles, tolerance 0.001", finer, cut))
    lines += [
        "",
        f"| {LARGE} x {LARGE} pixels | memory of the process, MB | CPU s |",
        "|---" * 3 + "|",
    ]
    with TemporaryDirectory() as folder:
        np.save(f"{folder}/pair.npy", _large(LARGE))
        for name, how in (("in memory", None), ("`Tiles('500MB')`", Tiles("500MB"))):
            with get_context("spawn").Pool(1) as pool:
                seconds, memory = pool.apply(_effort, (f"{folder}/pair.npy", how))
            lines.append(f"| {name} | {memory:.0f} | {seconds:.0f} |")
    write("tiles.md", lines, "python -m benchmarks.motion tiles")


def write(name: str, lines: list[str], command: str) -> None:
    """Write and print a table, with the machine and the command below it."""
    machine = describe_machine()
    packages = machine["packages"]
    note = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['date']}; NumPy "
        f"{packages['numpy']}; `{command}`"
    )
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / name).write_text("\n".join([*lines, "", note, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:2] == ["tensile"]:
        tensile(Path(sys.argv[2]))
    else:
        {"coverage": coverage, "hard": hard, "tiles": tiles, "speed": speed}.get(
            "".join(sys.argv[1:]), strains
        )()
