"""Table 9: evaluation times, with all contenders in turn in one run."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from steepest import Accuracy, Solver
from steepest.core.errors import InputError
from steepest.flows.flow import tv_flow

from . import paper
from .methods import Learned
from .paper import Figure
from .table import Cell, Row, Table
from .truth import ACCURACY, STEP, TIMES

SIDES = (32, 96, 256, 512)
_ONE = TIMES[-1:]
_LONG, _VERY_LONG = 2.0, 10.0


@dataclass(frozen=True)
class Runner:
    """A call to time on one image; ``times`` multiplies its seconds (for projections)."""

    call: Callable[[np.ndarray], object]
    times: Callable[[int], float] = lambda side: 1.0


def network_runners(methods: Sequence[Learned]) -> dict[str, Runner]:
    """Each architecture once, for all 50 times and for one; the training size does not matter."""
    first: dict[str, Learned] = {}
    for method in methods:
        first.setdefault(method.network, method)
    runners = {}
    for name, method in first.items():
        runners[name] = Runner(lambda image, m=method: m.frames(image, TIMES))  # type: ignore[misc]
        one = Runner(lambda image, m=method: m.frames(image, _ONE))  # type: ignore[misc]
        runners[f"{name}, one time"] = one
    return runners


def solver_runners(num_threads: int | None = None) -> dict[str, Runner]:
    """Our solver with the paper's 50 steps and certified, and scikit-image's with 50 steps."""

    def steps(image: np.ndarray) -> object:
        return tv_flow(image, TIMES, steps=len(TIMES) - 1, solver=Solver(num_threads=num_threads))

    def certified(image: np.ndarray, accuracy: float) -> object:
        steps, solver = Accuracy(db=accuracy, data_range=1.0), Solver(num_threads=num_threads)
        return tv_flow(image, TIMES, steps=steps, solver=solver)

    return {
        "steepest, 50 steps": Runner(steps),
        "steepest, certified to 40 dB": Runner(lambda image: certified(image, 40.0)),
        f"steepest, certified to {ACCURACY:g} dB": Runner(lambda image: certified(image, ACCURACY)),
        "scikit-image, 50 steps": Runner(chambolle_chain),
    }


def joint_runner(iterations: int = 3) -> dict[str, Runner]:
    """The joint optimisation for a few iterations, projected to the paper's number."""
    from .joint import run_joint

    def few(image: np.ndarray) -> object:
        return run_joint(image, iterations)

    def projected(side: int) -> float:
        from .joint_optimisation import default_iterations

        return default_iterations((side, side)) / iterations

    return {"joint": Runner(few, projected)}


def chambolle_chain(image: np.ndarray) -> np.ndarray:
    """49 implicit Euler steps by ``skimage.restoration.denoise_tv_chambolle`` with its defaults.

    Raises
    ------
    InputError
        If scikit-image is not installed.
    """
    try:
        from skimage.restoration import denoise_tv_chambolle
    except ImportError:
        raise InputError("this row needs scikit-image: pip install scikit-image") from None
    frames = [image]
    for _ in TIMES[1:]:
        frames.append(denoise_tv_chambolle(frames[-1], weight=STEP))
    return np.stack(frames)


def speed_images(
    images: Sequence[np.ndarray], sides: Sequence[int] = SIDES
) -> dict[int, np.ndarray]:
    """One image per size: the centre of the largest given, mirrored if it is too small."""
    largest = max(images, key=lambda image: min(image.shape))
    found = {}
    for side in sides:
        missing = [max(0, side - n) for n in largest.shape]
        padded = np.pad(largest, [(m // 2, m - m // 2) for m in missing], mode="symmetric")
        top, left = ((n - side) // 2 for n in padded.shape)
        found[side] = np.ascontiguousarray(padded[top : top + side, left : left + side])
    return found


def time_all(
    runners: Mapping[str, Runner],
    images: Mapping[int, np.ndarray],
    repeats: int = 5,
    tick: Callable[[], object] = lambda: None,
) -> dict[tuple[str, int], float]:
    """Median seconds by runner and side, with the runners in turn after one untimed round.

    A call of more than two seconds is repeated only once, a call of more than ten not at all (its
    first time is used). ``tick`` is called after every runner and side.
    """
    medians = {}
    for side, image in images.items():
        taken = {name: [_timed(runner, image)] for name, runner in runners.items()}
        for _ in range(repeats):
            for name, runner in runners.items():
                enough = _LONG if len(taken[name]) > 1 else _VERY_LONG
                if max(taken[name]) < enough:
                    taken[name].append(_timed(runner, image))
        for name, runner in runners.items():
            medians[name, side] = statistics.median(taken[name][1:] or taken[name]) * runner.times(
                side
            )
            tick()
    return medians


def table_9(seconds: Mapping[tuple[str, int], float]) -> Table:
    """The times as a table, with the paper's times in the rows that do the same work."""
    names = list(dict.fromkeys(name for name, _ in seconds))
    theirs = {
        "steepest, 50 steps": "model-driven, CPU",
        "scikit-image, 50 steps": "model-driven, CPU",
    }
    known = paper.table(9)
    rows = []
    for name in names:
        cells = []
        for column in paper.COLUMNS[9]:
            ours = seconds.get((name, int(column)))
            cell = known.get((theirs.get(name, name), "", column))
            cells.append(Cell(None if ours is None else Figure(ours), cell))
        rows.append(Row(name, "", tuple(cells)))
    if "joint" not in names:
        rows.append(_paper_row("joint"))
    rows.append(_paper_row("model-driven, GPU"))
    notes = (
        f"Median seconds on {machine()}; the paper's networks ran on a Quadro P6000. All rows "
        'except "one time" are for 50 times. The paper does not state the number of times; the '
        "growth with the size and the work of its networks suggest 50.",
        "scikit-image stops at its default tolerance: fast, and far less accurate than our rows.",
        "Joint: a few iterations, projected to the paper's 2,000, 2,000, 14,000 and 20,000.",
    )
    return Table("table-9", "Table 9: Evaluation time", "s", paper.COLUMNS[9], tuple(rows), notes)


def machine() -> str:
    """The number of processors, and of torch's threads if it is loaded, in words."""
    import sys

    words = f"{platform.machine()}, {os.cpu_count()} processors"
    torch = sys.modules.get("torch")
    return f"{words}, {torch.get_num_threads()} torch threads" if torch else words


def _paper_row(name: str) -> Row:
    known = paper.table(9)
    return Row(name, "", tuple(Cell(None, known[name, "", c]) for c in paper.COLUMNS[9]))


def _timed(runner: Runner, image: np.ndarray) -> float:
    began = perf_counter()
    runner.call(image)
    return perf_counter() - began
