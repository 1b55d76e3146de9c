"""Patch models beside other methods.

    python -m benchmarks.patches micrographs FOLDER    # super-resolution and CT from one reference
    python -m benchmarks.patches photographs FOLDER    # denoising; FOLDER: BSDS500

FOLDER of the micrographs is a checkout of github.com/FabianAltekrueger/patchNR (MIT). Weights are
chosen on images that are not in the table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import patch_peers, patch_tasks
from benchmarks.patch_tasks import Method, Task
from benchmarks.tables import markdown, write
from steepest import patches

RESULTS = Path(__file__).parent / "results"


def ours(task: Task) -> Iterator[Method]:
    """`steepest.patches`, fitted to the references of the task."""
    denoising = task.name.startswith("denoising")
    kind = {"patch_size": 8, "num_patches": 60_000} if denoising else {"remove_mean": False}
    for rank in (12, 24) if denoising else (12,):
        begin = time.process_time()
        model = patches.fit(list(task.references), rank=rank, **kind)
        training = time.process_time() - begin
        name = f"**steepest.patches, rank {rank}**"
        if denoising:
            yield Method(
                name, lambda c, w, m=model: patches.denoise(c.data, m, c.noise), training=training
            )
            continue

        def restore(
            case: patch_tasks.Case, weight: float, m: patches.PatchModel = model
        ) -> np.ndarray:
            found = patches.restore(
                case.data, m, case.forward, case.adjoint, case.noise,
                weight=weight,
            )  # fmt: skip
            return np.asarray(found.image)

        yield Method(name, restore, tuple(0.3 / 36 * 2.0 ** np.arange(-4, 3)), training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["micrographs", "photographs"])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    makers = {
        "micrographs": [patch_tasks.super_resolution, patch_tasks.tomography],
        "photographs": [partial(patch_tasks.denoising, level=level) for level in (25, 50)],
    }[given.kind]
    with patch_tasks.one_thread():
        for make in makers:
            task, rows = make(given.folder), []
            peers = patch_peers.denoisers if given.kind == "photographs" else patch_peers.restorers
            for method in (*peers(task), *ours(task)):
                rows += patch_tasks.measure(method, task)
                print(*patch_tasks.table(rows[-1:])[0], sep="  ", flush=True)
            cells = patch_tasks.table(rows)
            print(task.name, markdown(patch_tasks.HEAD, cells), sep="\n")
            file = task.name.translate(str.maketrans(" ,/", "___"))
            note = f"{task.name}; `python -m benchmarks.patches {given.kind} FOLDER`."
            write(RESULTS / f"patches_{file}.md", patch_tasks.HEAD, cells, note)


if __name__ == "__main__":
    main()
