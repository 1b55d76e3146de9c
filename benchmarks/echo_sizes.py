"""Echo sparsification of large images: ``python -m benchmarks.echo_sizes``.

scikit-image's astronaut in colour, extended by mirroring, is sparsified to 5 %. Measured are the
time on all processors, the CPU time of one thread, and the peak memory of the process so far.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from skimage import data

from benchmarks.inpainting_solvers import RESULTS
from benchmarks.tables import line, write
from steepest.core.threads import default_num_threads
from steepest.inpainting import masks, reconstruct

SIZES = ((128, 128), (512, 512), (1080, 1920), (2160, 3840))


def photograph(height: int, width: int) -> np.ndarray:
    """The astronaut, cropped or mirrored to (height, width, 3), uint8."""
    image = data.astronaut()
    more = ((0, max(height - 512, 0)), (0, max(width - 512, 0)), (0, 0))
    return np.ascontiguousarray(np.pad(image, more, mode="symmetric")[:height, :width])


def search(image: np.ndarray, num_threads: int | None = None) -> np.ndarray:
    """The mask."""
    return np.asarray(masks.echo(image, 0.05, channel_axis=-1, rng=0, num_threads=num_threads))


def wall_seconds(image: np.ndarray) -> float:
    """The wall-clock time on all processors."""
    begin = time.perf_counter()
    search(image)
    return time.perf_counter() - begin


def main() -> None:
    """Measure all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=len(SIZES), help="number of sizes")
    arguments = parser.parse_args()
    masks.echo(photograph(70, 70), 0.2, channel_axis=-1, rng=0)  # compile
    threads = default_num_threads()
    head = ("image", f"seconds, {threads} threads", "CPU seconds, 1 thread",
            "microseconds per pixel", "memory", "MAE")  # fmt: skip
    rows = []
    for height, width in SIZES[: arguments.largest]:
        image = photograph(height, width)
        wall = wall_seconds(image)
        begin = time.thread_time()
        mask = search(image, num_threads=1)
        seconds = time.thread_time() - begin
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        error = 255 * reconstruct(image, mask, channel_axis=-1).mae
        each = f"{1e6 * seconds / mask.size:.1f}"
        size, used = f"{width} x {height}", f"{memory:.1f} GiB"
        rows.append((size, f"{wall:.2f}", f"{seconds:.2f}", each, used, f"{error:.2f}"))
        print(line(rows[-1]), flush=True)
    write(RESULTS / "echo_sizes.md", head, rows)


if __name__ == "__main__":
    main()
