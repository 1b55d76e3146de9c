"""Images larger than memory: time, memory and certificate by tiles.

    python -m benchmarks.tiled --size 8192 --memory 2GB --workers 2 --folder /tmp/tiled

The image is a mosaic of photographs with noise (for masks: without), uint8, in an OME-Zarr store
that is made once.
Prints one line of JSON for each run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

CHUNK = 512
PHOTOS = ("camera", "coffee", "astronaut", "brick", "grass", "gravel", "rocket", "moon")


def tiles_of_photographs() -> list[np.ndarray]:
    """Grey photographs of 512 x 512 pixels."""
    from skimage import color, data

    found = []
    for name in PHOTOS:
        photo = getattr(data, name)()
        grey = color.rgb2gray(photo) if photo.ndim == 3 else photo / 255
        wide = np.pad(grey, [(0, max(CHUNK - n, 0)) for n in grey.shape], "reflect")
        found.append(wide[:CHUNK, :CHUNK])
    return found


def make_image(path: Path, size: int, noise: float) -> None:
    """A mosaic of ``size`` x ``size`` pixels; no two tiles are the same."""
    from steepest.io import StoredImage, create_store

    photos, rng = tiles_of_photographs(), np.random.default_rng(0)
    empty = np.broadcast_to(np.uint8(0), (size, size))
    like = StoredImage(empty, "yx", (0.5, 0.5), (0.0, 0.0), ("micrometer",) * 2, "mosaic")
    with create_store(path, like) as image:
        for y in range(0, size, CHUNK):
            for x in range(0, size, CHUNK):
                photo = np.rot90(photos[rng.integers(len(photos))], rng.integers(4))
                noisy = photo * rng.uniform(0.6, 1) + rng.normal(0, noise, photo.shape)
                image.array[y : y + CHUNK, x : x + CHUNK] = np.rint(255 * np.clip(noisy, 0, 1))


class Peak:
    """The largest resident memory of this process, sampled, without pages of mapped files too."""

    def __init__(self) -> None:
        self.anonymous = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.is_set():
            lines = Path("/proc/self/status").read_text().splitlines()
            held = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
            self.anonymous = max(self.anonymous, *held)
            sleep(0.02)

    def stop(self) -> dict[str, float]:
        """Peak memory in MB: all that is resident, and what is not a page of a file."""
        self._done.set()
        self._thread.join()
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"rss_mb": rss / 1e3, "anonymous_mb": self.anonymous / 1e3}


def warm(mask: bool) -> None:
    """Compile."""
    import steepest

    if mask:
        image = (255 * np.random.default_rng(0).random((160, 160))).astype(np.uint8)
        steepest.inpainting.masks.echo(image, 0.3, tiles=steepest.Tiles("30MB"))
        return
    for shape in [(700, 700)]:
        image = (255 * np.random.default_rng(0).random(shape)).astype(np.uint8)
        steepest.denoise_tv(image, 0.1, tiles=steepest.Tiles("30MB"))
        steepest.tv_flow(image, 0.05, steps=4, tiles=steepest.Tiles("30MB"))
        steepest.denoise_tv(image, 0.1, solver=steepest.Solver(tol=1e-3))


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """One run: denoising, flow, segmentation or mask, tiled or in memory."""
    import steepest
    from steepest.inpainting import masks, reconstruct
    from steepest.io import create_store, open_store

    folder = Path(arguments.folder)
    kind, noise = ("photos", 0.0) if arguments.mask else ("mosaic", 0.1)
    source = folder / f"{kind}-{arguments.size}.zarr"
    if not source.exists():
        make_image(source, arguments.size, noise)
    if arguments.make:
        return {}
    warm(bool(arguments.mask))
    image, peak = open_store(source), Peak()
    start, cpu = perf_counter(), os.times()
    stages: list[str] = []

    def note(step: object) -> None:
        stage = str(getattr(step, "stage", ""))
        if stage not in stages:
            stages.append(stage)

    if arguments.in_memory:
        pixels = image.array[:]
        options = dict(num_threads=arguments.workers)
        if arguments.mask:
            mask = masks.echo(pixels, arguments.mask, rng=0, **options)
            result = reconstruct(pixels, mask, solver=steepest.Solver(**options))
        elif arguments.decompose:
            solver = steepest.Solver(**options)
            result = steepest.spectral.decompose(pixels, bands=4, solver=solver).flow
        elif arguments.flow:
            steps = arguments.flow
            solver = steepest.Solver(num_threads=arguments.workers)
            result = steepest.tv_flow(pixels, 0.1, steps=steps, solver=solver)
        else:
            result = steepest.denoise_tv(pixels, 0.1, solver=steepest.Solver(tol=1e-3, **options))
    else:
        labels = bool(arguments.mask or arguments.segment)
        store = create_store(folder / "out.zarr", image, overwrite=True, labels=labels)
        with store as out:
            tiles = steepest.Tiles(arguments.memory, num_workers=arguments.workers)
            options = dict(tiles=tiles, on_step=note)
            if arguments.mask:
                mask = masks.echo(image.array, arguments.mask, rng=0, out=out.array, **options)
                result = reconstruct(image.array, mask, **options)
            elif arguments.decompose:
                parts = np.lib.format.open_memmap(
                    folder / "parts.npy", "w+", np.float32, (5, *image.array.shape)
                )
                result = steepest.spectral.decompose(
                    image.array, bands=4, out=parts, **options
                ).flow
            elif arguments.flow:
                target = _First(out.array)
                result = steepest.tv_flow(
                    image.array, 0.1, steps=arguments.flow, out=target, **options
                )
            elif arguments.segment:
                result = steepest.segmentation.threshold_rof(
                    image.array, 0.1, arguments.segment, out=out.array,
                    solver=steepest.Solver(max_num_iter=300), **options,
                )  # fmt: skip
            else:
                result = steepest.denoise_tv(image.array, 0.1, out=out.array, **options)
            stages.append(f"pyramid after {perf_counter() - start:.1f} s")
    wall, used = perf_counter() - start, os.times()
    seconds = used.user + used.system - cpu.user - cpu.system
    pixels = arguments.size**2
    if arguments.mask:
        known = round(result.density * pixels)
        proof = {"known": known, "psnr": round(result.psnr, 3), "mae": round(result.mae, 5)}
    elif arguments.segment:
        proof = {"num_doubtful": result.num_doubtful, "doubtful_bound": result.doubtful_bound}
    else:
        proof = {"psnr_bound": round(float(np.min(result.psnr_bound())), 2)}
    flow, segment = f"flow, {arguments.flow} steps", f"segment, {arguments.segment} classes"
    if not arguments.mask:
        proof.update(gap=float(np.max(result.gap)), iterations=int(result.iterations))
    mask = f"mask, {arguments.mask}"
    if arguments.decompose:
        flow = "decompose to the mean"
    return {
        "what": mask
        if arguments.mask
        else flow
        if arguments.flow or arguments.decompose
        else segment
        if arguments.segment
        else "denoise",
        "size": arguments.size,
        "how": "in memory" if arguments.in_memory else f"tiles, {arguments.memory}",
        "workers": arguments.workers,
        "wall_s": round(wall, 1),
        "cpu_s": round(seconds, 1),
        "wall_ns_per_pixel": round(1e9 * wall / pixels, 1),
        "cpu_ns_per_pixel": round(1e9 * seconds / pixels, 1),
        **proof,
        "stages": stages,
        **{key: round(value) for key, value in peak.stop().items()},
    }


class _First:
    """An array with an axis of length one in front."""

    def __init__(self, array: object) -> None:
        self.array = array
        self.shape, self.dtype = (1, *array.shape), array.dtype  # type: ignore[attr-defined]
        self.chunks = (1, *array.chunks)  # type: ignore[attr-defined]

    def __getitem__(self, index: tuple[object, ...]) -> object:
        return self.array[index[1:]]  # type: ignore[index]

    def __setitem__(self, index: tuple[object, ...], values: np.ndarray) -> None:
        self.array[index[1:]] = values  # type: ignore[index]


def main() -> None:
    """Parse the arguments and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--flow", type=int, default=0, metavar="STEPS")
    parser.add_argument("--decompose", action="store_true", help="four bands, until it is constant")
    parser.add_argument("--mask", type=float, default=0, metavar="DENSITY")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--segment", type=int, default=0, metavar="CLASSES", help="by tiles only")
    either.add_argument("--in-memory", action="store_true")
    parser.add_argument("--make", action="store_true", help="make the image only")
    parser.add_argument("--folder", default="/tmp/tiled")
    found = run(parser.parse_args())
    json.dump(found, sys.stdout)
    print()


if __name__ == "__main__":
    main()
