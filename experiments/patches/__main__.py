"""``python -m experiments.patches FOLDER``: proximal networks; FOLDER is that of BSDS500."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import steepest
from benchmarks.patch_peers import squared_norm, tv_restore
from benchmarks.patch_tasks import Case, coarse, denoising, one_thread, psnr
from benchmarks.tables import markdown, write

from .proximal import ProximalNetwork, plug_and_play, train

OUTPUT = Path(__file__).parent / "results" / "proximal.md"
HEAD = ("task", "proximal network, dB", "best TV of each image, dB", "distance certified", "found")
STRENGTHS = 0.06 * 1.2 ** np.arange(6)
WEIGHTS = 2e-4 * 2.0 ** np.arange(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    with one_thread():
        task = denoising(parser.parse_args().folder, count=4)
        begin = time.process_time()
        strong, weak = (train(list(task.references), level / 255) for level in (25, 5))
        training = time.process_time() - begin
        rows = [
            ["noise 25/255", *_means([_denoised(case, strong) for case in task.report]), "", ""]
        ]
        found = [_deblurred(case, weak) for case in task.report]
        bounds, distances = (max(each[k] for each in found) for k in (2, 3))
        rows.append(
            ["Gaussian blur of 1.5 pixels, noise 0.01", *_means([each[:2] for each in found]),
             f"{bounds:.1e}", f"{distances:.1e}"]
        )  # fmt: skip
    print(markdown(HEAD, rows))
    note = (
        "4 crops of 192 x 192 pixels of validation images; networks of 2 layers with 36 filters of "
        f"6 x 6 pixels, trained on 20 images in {training:.0f} CPU s together. Distances are root "
        "mean squares, the largest of the images: the certified one to the fixed point when the "
        "iteration ends, and the one to an iterate with a bound of 1e-6. "
        "`python -m experiments.patches FOLDER`, one thread."
    )
    write(OUTPUT, HEAD, rows, note)


def _means(pairs: Sequence[Sequence[float]]) -> list[str]:
    return [f"{np.mean(each):.2f}" for each in zip(*pairs, strict=True)]


def _denoised(case: Case, network: ProximalNetwork) -> tuple[float, float]:
    tv = max(psnr(steepest.denoise_tv(case.data, s).image, case.truth) for s in STRENGTHS)
    return psnr(network.on_array(case.data), case.truth), tv


def _deblurred(case: Case, network: ProximalNetwork) -> tuple[float, float, float, float]:
    matrix = coarse(len(case.truth), 1, 1.5)
    rng = np.random.default_rng(0)
    data = matrix @ case.truth @ matrix.T + 0.01 * rng.standard_normal(case.truth.shape)
    blurred = Case(
        case.truth, data, 0.01, lambda u: matrix @ u @ matrix.T, lambda f: matrix.T @ f @ matrix
    )
    scale = squared_norm(blurred)
    images = [tv_restore(blurred, w * scale) for w in WEIGHTS]
    network = network.double()
    first = plug_and_play(blurred, network, images[2])
    exact = plug_and_play(blurred, network, images[2], tol=1e-6)
    root = np.sqrt(data.size)
    distance = float(np.linalg.norm(first.image - exact.image)) / root
    tv = max(psnr(image, case.truth) for image in images)
    return psnr(first.image, case.truth), tv, first.bound / root, distance


if __name__ == "__main__":
    main()
