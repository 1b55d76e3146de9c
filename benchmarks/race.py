"""Time to a given true accuracy, for ROF problems and flows: steepest and its peers in turn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours, reference
from benchmarks.contender import Array, Contender
from benchmarks.images import camera_crop
from benchmarks.peers import package_version
from benchmarks.search import Found, best_variant, remembered
from benchmarks.settings import FlowCase, Settings
from benchmarks.timing import interleave

Row = dict[str, Any]
Quality = Callable[[Array], float]


def worst_psnr(frames: Array, reference_frames: Array) -> float:
    """PSNR in dB of the worst frame, for values in [0, 1]."""
    worst = max(
        float(np.mean((np.asarray(a, np.float64) - b) ** 2))
        for a, b in zip(frames, reference_frames, strict=True)
    )
    return float(-10 * np.log10(max(worst, 1e-32)))


def rof_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """ROF: time until [P(u) - P*] / P* is small enough."""
    rows: list[Row] = []
    strength = settings.rof_strength
    for size, accuracies in settings.rof_cases:
        image = camera_crop(size)
        exact = reference.rof_energy(reference.rof_reference(image, strength), image, strength)

        def excess(u: Array, image: Array = image, exact: float = exact) -> float:
            return (reference.rof_energy(u, image, strength) - exact) / exact

        efforts: dict[str, int] = {}
        for accuracy in accuracies:
            label = {"size": size, "accuracy": accuracy}
            print(f"ROF {size}x{size} to a relative suboptimality of {accuracy:g}", flush=True)
            reached = partial(_at_most, excess, accuracy)
            arguments = (image, strength)
            race = _race(contenders, "rof", arguments, reached, excess, accuracy, settings, efforts)
            promised = _as_promised(contenders, (image, strength), accuracy, excess, settings)
            rows.extend({**label, **row} for row in race + promised)
    return rows


def flow_rows(contenders: list[Contender], settings: Settings) -> list[Row]:
    """Implicit Euler flow: time until the worst frame is close to exactly solved steps."""
    rows: list[Row] = []
    for case in settings.flow_cases:
        image = camera_crop(case.size)
        exact = reference.flow_reference(image, case.tau, case.num_steps)
        quality = partial(_psnr_against, exact)
        efforts: dict[str, int] = {}
        for decibels in case.decibels:
            print(f"flow {case} to {decibels:g} dB", flush=True)
            reached = partial(_at_least, quality, decibels)
            arguments = (image, case.tau, case.num_steps)
            race = _race(
                contenders, "flow", arguments, reached, quality, decibels, settings, efforts
            )
            rows.extend({**_flow_label(case, decibels), **row} for row in race)
    return rows


def _flow_label(case: FlowCase, decibels: float) -> Row:
    total = case.tau * case.num_steps
    return {"size": case.size, "T": total, "num_steps": case.num_steps, "accuracy": decibels}


def _psnr_against(exact: Array, frames: Array) -> float:
    return worst_psnr(frames, exact)


def _at_most(quality: Quality, bound: float, result: Array) -> bool:
    return quality(result) <= bound


def _at_least(quality: Quality, bound: float, result: Array) -> bool:
    return quality(result) >= bound


def _race(
    contenders: list[Contender],
    task: str,
    arguments: tuple[Any, ...],
    reached: Callable[[Array], bool],
    quality: Quality,
    accuracy: float,
    settings: Settings,
    efforts: dict[str, int],
) -> list[Row]:
    """Search for the effort that each contender needs, then time all contenders in turn.

    ``efforts`` has the effort needed for an easier accuracy, from which the search starts; it is
    updated. The efforts of other packages are remembered from one run to the next, by version.
    """
    found: dict[str, Found] = {}
    calls: dict[str, Callable[[], Array]] = {}
    rows: list[Row] = []
    for contender in contenders:
        typed = (arguments[0].astype(contender.dtype), *arguments[1:])
        runs = {
            label: partial(_call, solve, typed) for label, solve in getattr(contender, task).items()
        }
        start = ours.PER_DECADE if contender.package == "steepest" else 8
        start = efforts.get(contender.name, start)
        budget = settings.search_budget
        search = partial(best_variant, contender, runs, reached, start=start, budget_s=budget)
        if contender.package == "steepest":
            best = search()
        else:
            key = (contender.name, package_version(contender.package), task)
            numbers = (*arguments[0].shape, *arguments[1:], accuracy, budget)
            best = remembered(", ".join(map(str, (*key, *numbers))), search)
        if best is None:
            rows.append({"contender": contender.name, "seconds": None, "note": contender.note})
            print(f"  {contender.name}: not within {settings.search_budget:g} s", flush=True)
            continue
        found[contender.name] = best
        efforts[contender.name] = best.effort
        calls[contender.name] = partial(runs[best.variant], best.effort)
    times = interleave(calls, repeats=settings.repeats, budget_s=settings.timing_budget)
    for contender in contenders:
        if contender.name not in found:
            continue
        best = found[contender.name]
        count = best.effort
        if contender.package == "steepest":
            count = ours.iterations(contender, task, arguments, best.effort)
        elif task == "flow":
            count = best.effort * arguments[2]
        row = {
            "contender": contender.name,
            "seconds": times[contender.name].as_dict(),
            "iterations": count,
            "setting": ", ".join(filter(None, [contender.describe(best.effort), best.variant])),
            "reached": quality(calls[contender.name]()),
            "note": contender.note,
        }
        rows.append(row)
        _say(row)
    return rows


def _as_promised(
    contenders: list[Contender],
    arguments: tuple[Any, ...],
    accuracy: float,
    quality: Quality,
    settings: Settings,
) -> list[Row]:
    """steepest with ``tol=accuracy``: it guarantees the accuracy without a reference solution."""
    effort = round(-ours.PER_DECADE * np.log10(accuracy))
    mine = {c.name: c for c in contenders if c.package == "steepest"}
    calls = {
        name: partial(_call, c.rof[""], (arguments[0].astype(c.dtype), *arguments[1:]), effort)
        for name, c in mine.items()
    }
    times = interleave(calls, repeats=settings.repeats, budget_s=settings.timing_budget)
    rows = []
    for name, contender in mine.items():
        row = {
            "contender": f"{name}, certified",
            "seconds": times[name].as_dict(),
            "iterations": ours.iterations(contender, "rof", arguments, effort),
            "setting": f"tol {accuracy:g} asked for and guaranteed",
            "reached": quality(calls[name]()),
            "note": contender.note,
        }
        rows.append(row)
        _say(row)
    return rows


def _call(solve: Callable[..., Array], arguments: tuple[Any, ...], effort: int) -> Array:
    return solve(*arguments, effort)


def _say(row: Row) -> None:
    milliseconds = 1e3 * row["seconds"]["median"]
    print(
        f"  {row['contender']:42s} {milliseconds:10.2f} ms  {row['iterations']:6d} its  "
        f"{row['setting']}, reached {row['reached']:.3g}",
        flush=True,
    )
