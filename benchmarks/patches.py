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
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import patch_peers, patch_tasks
from benchmarks.patch_tasks import Case, Method, Task
from benchmarks.tables import line, write
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

    def alone(case: Case, weight: float) -> np.ndarray:
        model = patches.fit(case.data, 8, 50, 12, num_patches=60_000, noise=case.noise)
        power = case.noise**2  # what noise adds to each variance
        free = replace(
            model,
            variances=np.maximum(model.variances - power, power / 100),
            residuals=np.full_like(model.residuals, power / 100),
        )
        return patches.denoise(case.data.astype(np.float32), free, case.noise)

    yield Method("**steepest.patches**, fitted to the noisy image itself", alone)


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
    weights = tuple(0.3 / 36 * 2.0 ** np.arange(-2, 3))
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
    yield wasserstein(task, (0.0005, 0.002, 0.008))


MAKERS = {
    "denoising": {"ours": denoisers, "peers": patch_peers.denoisers},
    "other": {"ours": restorers, "peers": patch_peers.restorers, "priors": others},
}


def keep(path: Path, rows: list[list[str]], note: str) -> None:
    """Write rows to a table; rows of other methods that are there already are kept."""
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    cells = [[cell.strip() for cell in each.split("|")[1:-1]] for each in old if each[:1] == "|"]
    merged = {each[0]: each for each in (*cells[2:], *rows)}
    ordered = sorted(merged.values(), key=lambda each: -float(each[1]))
    write(path, patch_tasks.HEAD, ordered, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=["ours", "peers", "priors"], help="these methods only")
    given = parser.parse_args()
    denoising = given.task == "denoising"
    command = f"`python -m benchmarks.patches {given.task} FOLDER`, one thread."
    note = f"{NOTES[given.task]} {'' if denoising else MICROGRAPHS + ' '}{command}"
    with patch_tasks.one_thread():
        task = TASKS[given.task](given.folder)
        for name, make in MAKERS["denoising" if denoising else "other"].items():
            if given.only not in (None, name):
                continue
            for method in make(task):
                cells = patch_tasks.table(patch_tasks.measure(method, task))
                print(*map(line, cells), sep="\n", flush=True)
                keep(RESULTS / f"{given.task}.md", cells, note)


if __name__ == "__main__":
    main()
