"""The ground truth: the flow by the certified solver, at the paper's times.

The paper runs the flow of 5 u0 on [0, 1]. By one-homogeneity its time tau is the solver's
``t = tau / 5`` and its result is five times the solver's. Its 50 times 0, 0.02, ..., 0.98 are the
solver's 0, 0.004, ..., 0.196.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from steepest import Accuracy, Solver
from steepest.core.errors import InputError
from steepest.flows.flow import tv_flow

from .units import CONTRAST

NUM_TIMES = 50
STEP = 0.02 / CONTRAST
TIMES = STEP * np.arange(NUM_TIMES)
"""The paper's 50 times 0, 0.02, ..., 0.98 in the solver's units."""

ACCURACY = 60.0
_FIELDS = ("frames", "times", "error_bound")


@dataclass(frozen=True, eq=False)
class Truth:
    """The flow of one image: ``frames`` (T, H, W) float32 at ``times`` (T,).

    ``error_bound`` (T,) is the certified L2 distance of each frame to the exact flow.
    """

    frames: np.ndarray
    times: np.ndarray
    error_bound: np.ndarray


@dataclass(frozen=True)
class TruthSource:
    """How the ground truth is computed, and where it is stored.

    With ``method="certified"`` the steps and gaps are chosen such that every frame is within
    ``accuracy`` dB (data range 1) of the flow that is exact in time. "euler" takes the paper's 50
    implicit Euler steps, each solved to a relative gap of 1e-6; its certificate includes the error
    of these long steps. ``folder``: store results there as .npz (None: do not store them).
    """

    method: str = "certified"
    accuracy: float = ACCURACY
    folder: str | os.PathLike[str] | None = None
    num_threads: int | None = None

    def __post_init__(self) -> None:
        if self.method not in ("certified", "euler"):
            raise InputError(f"method={self.method!r}; allowed are 'certified' and 'euler'")

    def __call__(self, image: np.ndarray, times: Sequence[float] | np.ndarray = TIMES) -> Truth:
        """The flow of one greyscale image (H, W) at increasing times, computed or from the folder.

        Raises
        ------
        InputError
            For the same reasons as `steepest.tv_flow`.
        """
        times = np.asarray(times, dtype=np.float64)
        path = self._path(image, times)
        known = None if path is None else _load(path)
        if known is None or not np.array_equal(known.times, times):
            known = self._solve(image, times)
            if path is not None:
                _save(path, known)
        return known

    def _solve(self, image: np.ndarray, times: np.ndarray) -> Truth:
        if self.method == "euler":
            steps: Any = max(len(times) - 1, 1)
            solver = Solver(tol=1e-6, num_threads=self.num_threads)
        else:
            steps = Accuracy(db=self.accuracy, data_range=1.0)
            solver = Solver(num_threads=self.num_threads)
        result = tv_flow(image, times, steps=steps, solver=solver)
        frames = np.asarray(result.images, np.float32)
        return Truth(frames, times, np.asarray(result.error_bound, np.float64))

    def _path(self, image: np.ndarray, times: np.ndarray) -> Path | None:
        if self.folder is None:
            return None
        hasher = sha256(np.ascontiguousarray(image).tobytes())
        hasher.update(times.tobytes())
        hasher.update(f"{image.shape} {image.dtype} {self.method} {self.accuracy}".encode())
        return Path(self.folder) / f"truth-{hasher.hexdigest()[:24]}.npz"


def time_derivative(frames: np.ndarray, step: float) -> np.ndarray:
    """``u_t`` (T, H, W) at all frames except the last: the ground truth for the divergence.

    ``frames`` are (T + 1, H, W) at equal steps. Differences are central, and forward at the first
    frame. The paper only says "the finite difference approximation of the temporal derivative". A
    constant ``u_t`` is reproduced exactly; jumps of ``u_t`` (where structures merge) are shared
    equally by both neighbours.
    """
    inner = (frames[2:] - frames[:-2]) / (2 * step)
    first = (frames[1:2] - frames[:1]) / step
    return np.concatenate([first, inner])


def _load(path: Path) -> Truth | None:
    """A stored truth; None if there is none or it is damaged (it is then computed again)."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Truth(*(stored[name] for name in _FIELDS))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(path: Path, truth: Truth) -> None:
    from steepest.io import OutputSet

    with OutputSet(overwrite=True) as outputs, outputs.open(path) as file:
        np.savez(file, **{name: getattr(truth, name) for name in _FIELDS})
