"""Check the guaranteed error against the true error on every evaluated image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .methods import Learned
from .paper import Figure
from .table import Cell, Row, Table
from .truth import TIMES, TruthSource

CHECK_TIMES = TIMES[[5, 25, 49]]
"""0.1, 0.5 and 0.98 in the paper's time."""


@dataclass(frozen=True)
class CertificateCheck:
    """L2 distances by image and time, and the number of pixels of every image.

    ``bound`` is the guaranteed error of the network, ``error`` its distance to the solver's flow,
    and ``truth`` the certified distance of the solver's flow to the exact flow. The guarantee is
    refuted only if ``error - truth > bound``. If ``error <= bound``, it holds even without the
    solver's own allowance.
    """

    bound: tuple[tuple[float, ...], ...]
    error: tuple[tuple[float, ...], ...]
    truth: tuple[tuple[float, ...], ...]
    pixels: tuple[int, ...]

    @property
    def refuted(self) -> int:
        """The number of images on which a bound is certainly too small. It must be 0."""
        bound, error, truth = map(np.asarray, (self.bound, self.error, self.truth))
        return int(np.any(~(error - truth <= bound), axis=1).sum())

    @property
    def held(self) -> int:
        """The number of images on which no measured error exceeds its bound."""
        return int(np.all(np.less_equal(self.error, self.bound), axis=1).sum())

    def decibels(self) -> tuple[float, float]:
        """The mean guaranteed PSNR and the mean true PSNR at the last time."""
        size = np.sqrt(np.asarray(self.pixels, float))
        last = [np.maximum(np.asarray(a)[:, -1], 1e-12) for a in (self.bound, self.error)]
        guaranteed, reached = (float(np.mean(-20 * np.log10(a / size))) for a in last)
        return guaranteed, reached

    def tightness(self) -> float:
        """The smallest ratio of bound to error over all images and times."""
        return float(np.min(np.asarray(self.bound) / np.maximum(self.error, 1e-12)))


def check_certificates(
    method: Learned,
    images: Iterable[np.ndarray],
    truth: TruthSource,
    times: np.ndarray = CHECK_TIMES,
    certify: Callable[[Any, Any, Any], Any] | None = None,
    tick: Callable[[], object] = lambda: None,
) -> CertificateCheck:
    """Bounds and errors of one network on every image.

    Parameters
    ----------
    method : Learned
        The network.
    images : iterable of arrays (H, W)
        Greyscale images.
    truth : TruthSource
        The solver's flows.
    times : array (T,)
        Increasing times in the solver's units.
    certify : callable, optional
        ``certify(module, u0, t)`` returns L2 bounds (N,); default: those of
        `steepest.learning.certify`.
    tick : callable
        Called after every image.
    """
    if certify is None:
        from steepest import learning

        def certify(module: Any, u0: Any, t: Any) -> Any:
            return learning.certify(module, u0, t).error_bound

    rows = []
    for image in images:
        known = truth(image, times)
        ours = method.frames(image, times)
        difference = np.subtract(ours, known.frames, dtype=np.float64)
        error = np.sqrt(np.square(difference).sum((1, 2)))
        bound = _bounds(certify, method.module, image, times)
        rows.append((_floats(bound), _floats(error), _floats(known.error_bound), image.size))
        tick()
    columns = tuple(zip(*rows, strict=True)) or ((), (), (), ())
    return CertificateCheck(*columns)


def as_check(stored: Mapping[str, Sequence[Any]] | None) -> CertificateCheck | None:
    """A check from the dictionary of its fields, as read from JSON."""
    if stored is None:
        return None
    bound, error, truth = (
        tuple(tuple(map(float, row)) for row in stored[name])
        for name in ("bound", "error", "truth")
    )
    return CertificateCheck(bound, error, truth, tuple(map(int, stored["pixels"])))


def certificate_table(checks: Mapping[tuple[str, str, str], CertificateCheck]) -> Table:
    """A table with one row per (network, training, image set)."""
    columns = ("images", "refuted", "bound above error", "guaranteed (dB)", "reached (dB)", "ratio")
    rows = []
    for (network, training, images), check in checks.items():
        values = (len(check.pixels), check.refuted, check.held, *check.decibels())
        figures = [Figure(float(value)) for value in (*values, check.tightness())]
        rows.append(Row(f"{network}, {images}", training, tuple(map(Cell, figures))))
    notes = (
        "Bound and true error in L2 at 0.1, 0.5 and 0.98 of the paper's time; PSNR at 0.98; ratio: "
        "the smallest ratio of bound to error. Refuted: images whose error, minus the allowance of "
        "the solver's own certificate, is above the bound.",
    )
    return Table(
        "certificates", "Certificates: guaranteed and true error", "", columns, tuple(rows), notes
    )


def _bounds(
    certify: Callable[[Any, Any, Any], Any], module: Any, image: np.ndarray, times: np.ndarray
) -> np.ndarray:
    import torch

    first = next(iter(module.parameters()), torch.zeros(()))
    u0 = torch.as_tensor(image, dtype=first.dtype, device=first.device)
    t = torch.as_tensor(np.asarray(times), dtype=first.dtype, device=first.device)
    bound = certify(module, u0.expand(len(t), 1, *u0.shape), t)
    return np.asarray(torch.as_tensor(bound).detach().cpu(), np.float64)


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
