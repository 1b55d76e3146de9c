"""Random arguments of the public functions: a finite certified result, or an error that names one.

Nothing else may come out of a call: no other exception, no NaN or infinity, no warning of NumPy.
"""

import dataclasses
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import steepest
from cases.arguments import arguments
from cases.nasty import images, numbers, one_of
from steepest import segmentation, spectral

BOOLEANS = numbers([True, False])
SPACING = numbers([1, 2.0, None, (1.0, 2.0), [0.5], 1e-9])
AXIS = numbers([None, None, 0, -1, 1])
STRENGTH = numbers([0.1, 0.02, 0, 1.0, 5])
TIMES = numbers([0.1, [0.1, 0.2], [0, 0.1], np.array([0.05]), 0.3])
TOL = numbers([1e-2, 1e-3, 0.1])
STEPS = numbers([None, 3, 2, 1])
WEIGHTS = st.one_of(st.none(), st.none(), images())
THREADS = numbers([None, 1, 2])
ITERATIONS = one_of([30, 30, 30, 1, 0, -1, 2.5, None, "3", True])
ENERGY = numbers(
    [None, steepest.TotalVariation(huber=0.1), steepest.SecondOrderTotalVariation(),
     steepest.TotalVariation(boundary="periodic"), steepest.TotalGeneralisedVariation()]
)  # fmt: skip
IMAGE = {"spacing": SPACING, "channel_axis": AXIS}
TV = {"isotropic": BOOLEANS, "huber": STRENGTH, "weights": WEIGHTS, "coupled": BOOLEANS}
EFFORT = {"tol": TOL, "max_num_iter": ITERATIONS, "num_threads": THREADS}
CUT = [steepest.TimeGrid.uniform(3), steepest.TimeGrid((0.05, 0.2))]
ACCURACIES = [steepest.Accuracy(db=20), steepest.Accuracy(error=1.0)]
FLOW = {
    **IMAGE, **EFFORT, "batch_axis": AXIS,
    "steps": st.one_of(STEPS, numbers([*CUT, *ACCURACIES])),
}  # fmt: skip
SPECTRAL = {
    **EFFORT, **IMAGE, "isotropic": BOOLEANS, "weights": WEIGHTS, "coupled": BOOLEANS,
    "steps": st.one_of(STEPS, numbers(CUT)), "t_max": numbers([None, 1.0, 0.3]),
    "bands": numbers([None, 3, [0.1], [0.05, 0.2]]),
}  # fmt: skip


def recomposed(gains: Any, residual_gain: Any, time: Any, start: Any, stop: Any) -> list[Any]:
    decomposition = spectral.decompose(
        np.arange(12.0).reshape(3, 4) % 5, steps=6, solver=steepest.Solver(tol=0.1)
    )
    found = [decomposition.recompose(gains, residual_gain)]
    found += [spectral.low_pass(decomposition, time), spectral.high_pass(decomposition, time)]
    return [*found, spectral.band_pass(decomposition, start, stop)]


def measured(image: Any) -> list[Any]:
    if isinstance(image, np.ndarray) and image.dtype.name in ("float32", "float64"):
        decomposition = spectral.decompose(image, steps=6, solver=steepest.Solver(tol=0.1))
        return [spectral.scale_map(decomposition, "length")]
    return []


def objects(image: Any, **options: Any) -> list[Any]:
    found = segmentation.find_objects(image, **options)
    assert found.labels.max() == len(found)
    return [found.labels, *(found.table[name] for name in found.table.dtype.names)]


def decomposed(pages: Any, **options: Any) -> list[Any]:
    options = {"steps": 4, "max_num_iter": 30, **options}
    return list(spectral.decompose_series(pages, **flat(**options)))


def flat(energy: Any = None, **options: Any) -> dict[str, Any]:
    found = arguments(**options)
    return found if energy is None else {**found, "energy": energy}


def flow(image: Any, times: Any, **options: Any) -> Any:
    return steepest.flow(image, times, **flat(**options))


def denoise(image: Any, strength: Any, **options: Any) -> Any:
    return steepest.denoise(image, strength, **flat(**options))


def discrepancy(image: Any, sigma: Any, **options: Any) -> Any:
    return steepest.denoise_discrepancy(image, sigma, **flat(**options))


def extinction(image: Any, **options: Any) -> Any:
    return steepest.extinction_time(image, **flat(**options))


def split(image: Any, **options: Any) -> Any:
    return spectral.decompose(image, **flat(**options))


def textured(image: Any, time: Any, **options: Any) -> Any:
    return spectral.separate_texture(image, time, **flat(**options))


CAMERA = {"gain": STRENGTH, "read_noise": STRENGTH, "offset": STRENGTH}


# function, required arguments, options
PUBLIC: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    (flow, {"image": images(), "times": TIMES}, {**TV, **FLOW}),
    (flow, {"image": images(), "times": TIMES, "energy": ENERGY}, FLOW),
    (denoise, {"image": images(), "strength": STRENGTH}, {**TV, **IMAGE, **EFFORT}),
    (denoise, {"image": images(), "strength": STRENGTH, "energy": ENERGY},
     {**IMAGE, **EFFORT, "batch_axis": AXIS, "start": images()}),
    (discrepancy, {"image": images(), "sigma": STRENGTH, "energy": ENERGY},
     {**IMAGE, **EFFORT, "rtol": TOL}),
    (discrepancy, {"image": images(), "sigma": STRENGTH},
     {**TV, **IMAGE, "rtol": TOL}),
    (steepest.estimate_noise, {"image": images()}, {"channel_axis": AXIS}),
    (extinction, {"image": images()}, {"tol": TOL, "spacing": SPACING, **TV}),
    (steepest.total_variation, {"image": images()},
     {"spacing": SPACING, "channel_axis": AXIS, **TV}),
    (steepest.gradient, {"u": images()}, {"spacing": SPACING}),
    (steepest.divergence, {"p": images()}, {"spacing": SPACING}),
    (steepest.TimeGrid, {"nodes": TIMES}, {}),
    (steepest.TimeGrid.uniform, {"num_steps": STEPS}, {}),
    (steepest.Accuracy, {"db": STRENGTH}, {"error": STRENGTH, "data_range": STRENGTH}),
    (steepest.TimeGrid((0.1, 0.3)).through, {"times": TIMES}, {"begin": STRENGTH}),
    (split, {"image": images()}, SPECTRAL),
    (textured, {"image": images(), "time": STRENGTH},
     {**IMAGE, **EFFORT, "steps": STEPS}),
    (recomposed, {"gains": numbers([1, [1.0, 2.0], [0.5]]), "residual_gain": STRENGTH,
                  "time": STRENGTH, "start": STRENGTH, "stop": STRENGTH}, {}),
]  # fmt: skip


MEASURES: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    (decomposed, {"pages": images()}, SPECTRAL),
    (measured, {"image": images()}, {}),
    (objects, {"image": images()},
     {"min_score": STRENGTH, "min_area": STEPS, "channel_axis": AXIS, "spacing": SPACING}),
    (steepest.anscombe, {"image": images()}, CAMERA),
    (steepest.inverse_anscombe, {"y": images()}, CAMERA),
    (steepest.anscombe_noise, {"image": images()}, {**CAMERA, "channel_axis": AXIS}),
]  # fmt: skip


def numbers_of(result: Any) -> list[np.ndarray]:
    """All numeric fields of a result, its containers and dataclasses opened."""
    if isinstance(result, (list, tuple)):
        return [array for item in result for array in numbers_of(item)]
    if isinstance(result, spectral.Decomposition):
        return numbers_of([result.image, result.frames, result.bands, result.residual, result.flow])
    if dataclasses.is_dataclass(result):
        skipped = {"state", "status", "data_range", "problem"}
        fields = [f.name for f in dataclasses.fields(result) if f.name not in skipped]
        return numbers_of([getattr(result, name) for name in fields])
    array = np.asarray(result)
    return [array] if array.dtype.kind in "fiu" else []


def check(function: Callable[..., Any], given: dict[str, Any]) -> None:
    """Call it; whatever comes out must be finite, or an `InputError` that names an argument."""
    if callable(given.get("gains")):
        return  # what a caller's own function raises is the caller's
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "image of shape .* is taken for")
        warnings.filterwarnings("ignore", "strength=.* leaves nothing but the mean")
        try:
            result = function(**given)
        except steepest.InputError as error:
            named = any(re.search(rf"\b{name}\b", str(error)) for name in given)
            assert named, f"names no argument: {error}"
            return
    for array in numbers_of(result):
        assert np.isfinite(array).all()
    bound = result.psnr_bound() if hasattr(result, "psnr_bound") else None
    assert bound is None or not np.isnan(bound).any()  # infinite for an error of zero


@st.composite
def calls(draw: Any, table: Any = PUBLIC) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A public function and arguments for it."""
    function, required, options = draw(one_of(table))
    chosen = {name: draw(strategy) for name, strategy in required.items()}
    names = (
        draw(st.lists(st.sampled_from(sorted(options)), max_size=3, unique=True)) if options else []
    )
    if "max_num_iter" in options and "max_num_iter" not in names:
        chosen["max_num_iter"] = 30
    return function, chosen | {name: draw(options[name]) for name in names}


COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@settings(max_examples=400, derandomize=True, **COMMON)
@given(calls())
def test_random_calls_give_finite_results_or_name_an_argument(call: Any) -> None:
    check(*call)


@settings(max_examples=200, derandomize=True, **COMMON)
@given(calls(MEASURES))
def test_random_calls_of_what_measures_and_transforms(call: Any) -> None:
    check(*call)


@pytest.mark.slow
@settings(max_examples=100_000, **COMMON)
@given(calls())
def test_many_random_calls(call: Any) -> None:
    check(*call)
