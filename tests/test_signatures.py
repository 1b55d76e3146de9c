"""The signature that a decorated function shows is the one that it takes."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

import steepest

IMAGE = np.random.default_rng(0).random((9, 10))
GRAINS = steepest.io.OrientationMap(
    np.tile([0.0, 0.0, 0.0, 1.0], (3, 4, 1)), np.ones((3, 4), int),
    (steepest.io.Phase("", "m-3m"),), (1.0, 1.0), "ctf",
)  # fmt: skip
POSITIONAL: dict[str, tuple[Any, ...]] = {
    "tv_flow": (IMAGE, 0.01),
    "denoise_tv": (IMAGE, 0.01),
    "extinction_time": (IMAGE,),
    "spectral.extinction_time": (IMAGE,),
    "learning.learned_decomposition": (IMAGE,),
    "inpainting.masks.densify": (IMAGE, 0.1),
    "inpainting.masks.echo_ranking": (IMAGE,),
    "inpainting.masks.laplacian_dither": (IMAGE, 0.1),
    "inpainting.masks.random": (IMAGE, 0.1),
    "inpainting.masks.regular": (IMAGE, 0.1),
    "manifold.denoise_grains": (GRAINS, 0.1),
    "manifold.denoise_phases": (IMAGE, 0.1),
    "particles.sample": (IMAGE, 9),
    "particles.stipple": (IMAGE, 9),
    "segmentation.bias_corrected": (IMAGE, 0.1, 10.0),
    "segmentation.cut": (IMAGE - 0.5, 0.1),
    "spectral.decompose_series": ([IMAGE],),
}


def decorated(package: Any = steepest, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All public functions that do not show their own signature."""
    for name in package.__all__:
        try:
            value = getattr(package, name)
        except ModuleNotFoundError:  # an optional dependency
            continue
        if inspect.ismodule(value):
            yield from decorated(value, f"{prefix}{name}.") if hasattr(value, "__all__") else ()
        elif inspect.isfunction(value) and hasattr(value, "__wrapped__"):
            yield prefix + name, value


def test_all_options_that_are_shown_are_taken() -> None:
    called = []
    for name, function in decorated():
        shown = inspect.signature(function)
        assert all(option.kind is not option.VAR_KEYWORD for option in shown.parameters.values())
        if shown != inspect.signature(function.__wrapped__):
            options = {
                option.name: option.default
                for option in shown.parameters.values()
                if option.kind is option.KEYWORD_ONLY
            }
            given = POSITIONAL[name]
            function(*given, **options)
            called.append(name)
    assert sorted(called) == sorted(POSITIONAL)
