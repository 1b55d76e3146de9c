"""The functions of the library by tiles, with the flat options of a test case."""

from typing import Any

import steepest
from steepest import Tiles, segmentation, spectral
from steepest.inpainting import masks

from .arguments import arguments

_TILES = ("memory", "work", "executor", "num_workers", "halo", "keep")


def _by_tiles(energy: bool, **options: Any) -> dict[str, Any]:
    how = {name: options.pop(name) for name in _TILES if name in options}
    found = arguments(**options)
    if not energy:
        del found["energy"]
    return {**found, "tiles": Tiles(**how)}


def denoise_tv(image: Any, strength: float, out: Any = None, **options: Any) -> Any:
    return steepest.denoise(image, strength, out=out, **_by_tiles(True, **options))


def tv_flow(image: Any, times: Any, out: Any = None, **options: Any) -> Any:
    return steepest.flow(image, times, out=out, **_by_tiles(True, **options))


def decompose(image: Any, out: Any = None, **options: Any) -> Any:
    return spectral.decompose(image, out=out, **_by_tiles(True, **options))


def apply_filter(image: Any, linear: Any, out: Any = None, **options: Any) -> Any:
    return spectral.apply_filter(image, linear, out=out, **_by_tiles(True, **options))


def _labels(out: Any, doubt: Any) -> Any:
    return out if doubt is None else (out, doubt)


def threshold_rof(
    image: Any,
    strength: float,
    num_classes: int = 2,
    out: Any = None,
    doubt: Any = None,
    **options: Any,
) -> Any:
    options = _by_tiles(False, **options) | {"out": _labels(out, doubt)}
    return segmentation.threshold_rof(image, strength, num_classes, **options)


def chan_vese(
    image: Any, mu: float = 0.25, out: Any = None, doubt: Any = None, **options: Any
) -> Any:
    options = _by_tiles(False, **options) | {"out": _labels(out, doubt)}
    return segmentation.chan_vese(image, mu, **options)


def inpaint(image: Any, known: Any = None, out: Any = None, **options: Any) -> Any:
    return steepest.inpaint(image, known, out=out, **_by_tiles(False, **options))


def echo(image: Any, density: float, out: Any = None, **options: Any) -> Any:
    threads = {name: options.pop(name) for name in ("num_threads",) if name in options}
    options = _by_tiles(False, **options) | threads
    return masks.echo(image, density, out=out, **options)
