"""The measurements behind Tables 2 to 7, for one image and each method.

A `Measurement` first prepares what depends on the image alone (the ground truth), and then compares
each method with it. Each comparison gives a PSNR (dB) and an SSIM for each of its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .measures import psnr, ssim
from .methods import Method
from .reconstruction import by_bands, by_differences, by_quadrature
from .table import Scores
from .truth import NUM_TIMES, STEP, TIMES, TruthSource, time_derivative
from .units import CONTRAST

Pair = tuple[float, float]
FACTORS = (3.0, 0.3)


@dataclass(frozen=True)
class Measurement:
    """``compare(method, image, prepare(image))`` returns (PSNR, SSIM) by column."""

    name: str
    prepare: Callable[[np.ndarray], Any]
    compare: Callable[[Method, np.ndarray, Any], dict[str, Pair]]


def measure(
    measurement: Measurement,
    methods: Sequence[Method],
    images: Iterable[np.ndarray],
    tick: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, Scores]]:
    """Scores by label and column; ``tick`` is called after every image."""
    found: dict[str, dict[str, list[Pair]]] = {method.label: {} for method in methods}
    for image in images:
        reference = measurement.prepare(image)
        for method in methods:
            for column, pair in measurement.compare(method, image, reference).items():
                found[method.label].setdefault(column, []).append(pair)
        tick()
    return {
        label: {column: _scores(pairs) for column, pairs in columns.items()}
        for label, columns in found.items()
    }


def solution(truth: TruthSource) -> Measurement:
    """``u`` at the paper's 50 times against the solver, data range 1 (Tables 2, 3 and 5).

    The column is "u". The PSNR is that of the whole stack, including t = 0.
    """

    def compare(method: Method, image: np.ndarray, frames: np.ndarray) -> dict[str, Pair]:
        return {"u": compare_stacks(method.frames(image, TIMES), frames)}

    return Measurement("solution", lambda image: truth(image, TIMES).frames, compare)


def divergence(truth: TruthSource) -> Measurement:
    """``div phi`` at the 50 times against finite differences of the solver's ``u`` (Table 4).

    There are two columns, as the paper does not state its data range. "paper": the derivative of an
    image in [0, 1] in the paper's time, ``div phi / 5``, with data range 1, because the paper
    divides its ``u`` by 5 before comparing. "min-max": the range of the ground truth's stack, which
    raises the PSNR by about 2.6 dB on photographs. The exact flow's own right derivative has 36 to
    39 dB in the first column against :func:`time_derivative`; above this, a method cannot be
    distinguished from the truth.
    """
    times = STEP * np.arange(NUM_TIMES + 1)

    def prepare(image: np.ndarray) -> np.ndarray:
        return time_derivative(truth(image, times).frames, STEP) / CONTRAST

    def compare(method: Method, image: np.ndarray, wanted: np.ndarray) -> dict[str, Pair]:
        ours = method.divergences(image, TIMES) / CONTRAST
        spread = float(np.ptp(wanted)) or 1.0
        return {
            "paper": compare_stacks(ours, wanted),
            "min-max": compare_stacks(ours, wanted, spread),
        }

    return Measurement("divergence", prepare, compare)


def homogeneity(truth: TruthSource, factor: float) -> Measurement:
    """``u(c u0, t)`` against ``c u(u0, t / c)`` at the 50 times t (Table 6, Eq. (5)).

    Both are divided by c and compared on the scale of the image, with data range 1. (On the scale
    of ``c u0`` the PSNR would be lower by 20 log10 c: 9.5 dB lower for c = 3, 10.5 dB higher for
    0.3.) According to the paper's text the network is compared with itself, according to the
    caption with the model-driven approach. There are therefore two columns: "itself" for
    ``c u(u0, t / c)`` by the same method, and "solver" for that of the certified solver.
    "u(t) = u0" is perfect in the first.
    """
    times = TIMES / factor

    def compare(method: Method, image: np.ndarray, frames: np.ndarray) -> dict[str, Pair]:
        scaled = method.frames(np.asarray(factor * image, np.float32), TIMES)
        scaled = scaled / np.float32(factor)
        own = method.frames(image, times)
        return {"itself": compare_stacks(scaled, own), "solver": compare_stacks(scaled, frames)}

    return Measurement(f"homogeneity-{factor:g}", lambda u0: truth(u0, times).frames, compare)


def reconstruction(truth: TruthSource) -> Measurement:
    """``u0`` from the spectral transform at the 50 times, against ``u0`` (Table 7).

    Columns: "autodiff" by quadrature of u_tt (:func:`by_quadrature`), "autodiff bands" by the exact
    integral of each interval (:func:`by_bands`), "FD network" and "FD truth" by second differences
    of the method's and the solver's frames (:func:`by_differences`).
    """

    def compare(method: Method, image: np.ndarray, frames: np.ndarray) -> dict[str, Pair]:
        results = {
            "FD network": by_differences(method.frames(image, TIMES), TIMES),
            "FD truth": by_differences(frames, TIMES),
        }
        derivatives = method.derivatives(image, TIMES[1:])
        if derivatives is not None:
            u, u_t, u_tt = derivatives
            start = method.frames(image, TIMES[:1])[0]
            results["autodiff"] = by_quadrature(u, u_t, u_tt, TIMES[1:])
            results["autodiff bands"] = by_bands(start, u, u_t, TIMES[1:])
        return {column: compare_stacks(ours, image) for column, ours in results.items()}

    return Measurement("reconstruction", lambda image: truth(image, TIMES).frames, compare)


def compare_stacks(ours: np.ndarray, wanted: np.ndarray, data_range: float = 1.0) -> Pair:
    """PSNR and SSIM of two stacks."""
    return psnr(ours, wanted, data_range), ssim(ours, wanted, data_range)


def _scores(pairs: Sequence[Pair]) -> Scores:
    return Scores(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))
