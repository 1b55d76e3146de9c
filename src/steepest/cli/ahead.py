"""Compile what a command needs late in a second process, while it compiles what it needs first.

numba compiles in one thread at a time, but all processes share its cache. A kernel that both happen
to compile is only compiled twice.
"""

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from steepest.core.threads import default_num_threads

_SIZE = 12, 16


def _flow() -> None:
    """Total variation in float64, to which late times change."""
    from steepest import tv_flow

    tv_flow(np.eye(*_SIZE), [0.1])


def _diffusion() -> None:
    """Multigrid: first the cycle, which is needed last and takes longest."""
    from steepest.elliptic.cycle import cycle
    from steepest.elliptic.hierarchy import plan, single
    from steepest.inpainting import inpaint

    along = 1.0, 1.0, 0.0
    levels, size, couplings = plan(_SIZE, along, True)
    pixels, total = np.zeros((3, size), np.float32), np.zeros(max(_SIZE) + 4, np.float32)
    weights = np.zeros(couplings, np.float32)
    cycle(pixels, weights, pixels.copy(), levels, single(along), True, None, total)
    inpaint(np.indices(_SIZE)[0] / 1.0, np.eye(*_SIZE, dtype=bool))


def _coding() -> None:
    """The entropy code, and the solves for optimal values."""
    from steepest.compression import streams
    from steepest.inpainting import tonal

    mask = np.eye(*_SIZE, dtype=bool)
    streams.encode(mask, np.zeros((3, mask.sum()), np.int64), 8)
    tonal(np.indices(_SIZE)[0] / 1.0, mask)


def _phases() -> None:
    """Certificates of phases in float64."""
    from steepest import Solver
    from steepest.manifold import denoise_phases

    denoise_phases(np.zeros(_SIZE), 0.35, solver=Solver(1e-9))


JOBS: Mapping[str, Sequence[Callable[[], None]]] = {
    "decompose": [_flow],
    "mask": [_diffusion],
    "compress": [_diffusion, _coding],
    "decompress": [_diffusion],
    "phase": [_phases],
}


class _Ahead(logging.Handler):
    """Starts the second process when this one says that it compiles for the first time."""

    def __init__(self, command: str) -> None:
        super().__init__(logging.WARNING)
        self._command = command

    def emit(self, record: logging.LogRecord) -> None:
        if record.module != "compiled":
            return
        quiet = subprocess.DEVNULL
        words = [sys.executable, "-P", "-m", __name__, self._command]
        with suppress(OSError):
            subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet)


def watch(words: Sequence[str]) -> None:
    """Start the second process if the command of these words compiles and may use two threads."""
    if words and words[0] in JOBS and default_num_threads() > 1:
        logging.getLogger("steepest").addHandler(_Ahead(words[0]))


if __name__ == "__main__":
    for job in JOBS[sys.argv[1]]:
        job()
