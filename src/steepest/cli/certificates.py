"""How accurate results are, in words and numbers: the worst over pages, channels or images.

Each function takes results of one kind, and returns the words of the report and the values for
JSON. `Item.certify` adds the effort and the status.
"""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from steepest.core.status import Status

Accuracy = tuple[str, dict[str, Any]]


def bounds(results: Sequence[Any]) -> Accuracy:
    """The guaranteed accuracy of flows and of denoised images."""
    numbers = {
        "psnr_bound": min(float(np.min(result.psnr_bound())) for result in results),
        "error_bound": max(float(np.max(result.error_bound)) for result in results),
        "gap": max(float(np.max(result.gap)) for result in results),
    }
    psnr, error, gap = numbers.values()
    words = "exact" if math.isinf(psnr) else f"PSNR >= {psnr:.1f} dB"
    words += f", L2 error <= {error:.2g}, relative gap {gap:.1e}"
    return words, {**numbers, "data_range": float(results[0].data_range)}


def manifold_bounds(results: Sequence[Any]) -> Accuracy:
    """What is proven about denoised phases and orientations, of all pages or crystal phases."""
    names = ("gap", "error_bound", "energy")
    numbers = {name: [getattr(result, name) for result in results] for name in names}
    gaps, errors = numbers["gap"], numbers["error_bound"]
    if any(result.status is Status.EMBEDDED for result in results):
        return "none on the circle: denoised in the embedding", numbers
    if None in gaps:
        return "a stationary point; no bound on the error (the problem is not convex)", numbers
    error = "" if None in errors else f", L2 error <= {max(errors):.2g} rad"
    return f"relative gap {max(gaps):.1e}{error}, among images with these wraps", numbers


def residual(results: Sequence[Any]) -> Accuracy:
    """The accuracy with which an equation is solved."""
    worst = max(float(result.residual) for result in results)
    return f"{worst:.1e}, relative", {"residual": worst}


def label_bounds(results: Sequence[Any]) -> Accuracy:
    """How many labels are proven."""
    doubtful = sum(result.num_doubtful for result in results)
    wrong = sum(result.doubtful_bound for result in results)
    numbers = {
        "doubtful": doubtful, "doubtful_bound": wrong, "gap": max(each.gap for each in results),
        "energy": [result.energy for result in results],
    }  # fmt: skip
    if not doubtful:
        return "all labels are proven", numbers
    total = sum(math.prod(result.labels.shape) for result in results)
    share = f"{100 * (total - doubtful) / total:.4g} % of the labels are proven"
    return f"{share}; of the rest, at most {wrong} are wrong", numbers


def duration(seconds: float) -> str:
    """Format a duration in milliseconds, seconds or minutes."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


_NUMBERS = "error_bound gap iterations status data_range strength sigma noise_share noise"


def without_pixels(result: Any, time: Any = ...) -> Any:
    """Return what the certificate of a denoised image or a flow needs; of one time, if given."""
    kept = {name: getattr(result, name, None) for name in _NUMBERS.split()}
    kept |= {name: np.asarray(kept[name])[time] for name in ("error_bound", "gap")}
    psnr = np.asarray(result.psnr_bound())[time]
    return SimpleNamespace(**kept, psnr_bound=lambda: psnr)


def finite(value: Any) -> Any:
    """Convert a value for JSON: non-finite numbers become None, and arrays become lists."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
