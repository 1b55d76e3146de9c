"""Patch models beside other methods.

    python -m benchmarks.patches denoising FOLDER           # FOLDER: BSDS500
    python -m benchmarks.patches super_resolution FOLDER    # and deblurring, tomography

The FOLDER of the last three holds ``input_imgs`` and ``testset_superres`` of
github.com/FabianAltekrueger/patchNR (MIT). Weights are chosen on images that are not in the table;
everything that learns has the same reference images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import patch_peers, patch_tasks
from benchmarks.patch_tasks import Case, Method, Task
from benchmarks.tables import markdown, write
from steepest import patches

RESULTS = Path(__file__).parent / "results" / "patches"
TASKS = {
    "denoising": patch_tasks.denoising,
    "super_resolution": patch_tasks.super_resolution,
    "deblurring": partial(patch_tasks.super_resolution, factor=1),
    "tomography": patch_tasks.tomography,
}
NOTES = {
    "denoising": "Crops of 192 x 192 pixels of 8 validation images of BSDS500, noise of standard "
    "deviation 25/255, not clipped. Models from 60,000 patches of 20 training images.",
    "super_resolution": "Gaussian blur of 2 pixels, every 4th pixel, noise 0.01.",
    "deblurring": "Gaussian blur of 2 pixels, noise 0.01.",
    "tomography": "30 parallel-beam projections, divided by the width of the image; noise 0.005.",
}
MICROGRAPHS = (
    "Crops of 160 x 160 pixels of img_test_material.png and img10, img50, img90.png, models from "
    "img_learn_material.png, all of github.com/FabianAltekrueger/patchNR at 0c12d63."
)


def denoisers(task: Task) -> Iterator[Method]:
    """`patches.denoise` with models of two sizes."""
    for rank, count in ((12, 50), (24, 100)):
        begin = time.process_time()
        model = patches.fit(list(task.references), 8, count, rank, num_patches=60_000)
        training = time.process_time() - begin

        def restore(case: Case, weight: float, model: patches.PatchModel = model) -> np.ndarray:
            return patches.denoise(case.data.astype(np.float32), model, case.noise)

        name = f"**steepest.patches**, {count} components of rank {rank}"
        yield Method(name, restore, training=training)


def restorers(task: Task) -> Iterator[Method]:
    """`patches.restore` with its default weight, and with one chosen like those of the others."""
    begin = time.process_time()
    model = patches.fit(
        task.references[0], num_components=100, num_patches=60_000, remove_mean=False
    )
    training = time.process_time() - begin

    def restore(case: Case, weight: float) -> np.ndarray:
        found = patches.restore(
            case.data, model, case.forward, case.adjoint, case.noise, weight=weight or None
        )
        return np.asarray(found.image)

    yield Method("**steepest.patches**, default weight", restore, training=training)
    weights = tuple(0.3 / 36 * 2.0 ** np.arange(-2, 2))
    yield Method("**steepest.patches**, chosen weight", restore, weights, training)


def others(task: Task) -> Iterator[Method]:
    """Other patch priors, see ``experiments/patches``."""
    try:
        from experiments.patches.flow import patch_nr
        from experiments.patches.wasserstein import wasserstein
    except ImportError as error:
        print(f"patchNR and the Wasserstein prior are left out: {error}", flush=True)
        return
    yield patch_nr(task, tuple(0.3 / 36 * 2.0 ** np.arange(-2, 1)))
    yield wasserstein(task, (2.0, 8.0, 32.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with patch_tasks.one_thread():
        task, rows = TASKS[given.task](given.folder), []
        if given.task == "denoising":
            makers, note = (denoisers, patch_peers.denoisers), ""
        else:
            makers, note = (restorers, patch_peers.restorers, others), f" {MICROGRAPHS}"
        command = f"`python -m benchmarks.patches {given.task} FOLDER`, one thread."
        note = f"{NOTES[given.task]}{note} {command}"
        for make in makers:
            for method in make(task):
                rows += patch_tasks.measure(method, task)
                rows.sort(key=lambda row: -row.psnr)
                cells = patch_tasks.table(rows)
                print(markdown(patch_tasks.HEAD, cells), flush=True)
                write(RESULTS / f"{given.task}.md", patch_tasks.HEAD, cells, note)


if __name__ == "__main__":
    main()
