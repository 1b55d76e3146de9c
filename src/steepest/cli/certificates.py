"""The certificate of a result in words and numbers, in the same form for every command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from steepest.core.numbers import counted
from steepest.core.status import Status


@dataclass(frozen=True)
class Reached:
    """What several results reach together; each kind of result says its own promise."""

    results: Sequence[Any]
    seconds: float
    step: ClassVar[str] = "iteration"

    @property
    def status(self) -> str:
        """The worst status of all results."""
        return str(self._worst)

    @property
    def converged(self) -> bool:
        return self._worst.converged

    @property
    def ok(self) -> bool:
        return self._worst.ok

    @property
    def _worst(self) -> Status:
        return Status.worst([result.status for result in self.results])

    @property
    def iterations(self) -> int:
        return sum(int(result.iterations) for result in self.results)

    @property
    def effort(self) -> str:
        """The computational effort in one line."""
        return f"{counted(self.iterations, self.step)}, {duration(self.seconds)}"

    def as_json(self) -> dict[str, Any]:
        """Return the values for JSON."""
        names = ("iterations", "converged", "status", "seconds")
        return {name: getattr(self, name) for name in names}


class Certificate(Reached):
    """The guaranteed accuracy of results, the worst over all of them, without their pixels."""

    @property
    def psnr_bound(self) -> float:
        return min(float(np.min(result.psnr_bound())) for result in self.results)

    @property
    def error_bound(self) -> float:
        return max(float(np.max(result.error_bound)) for result in self.results)

    @property
    def gap(self) -> float:
        return max(float(np.max(result.gap)) for result in self.results)

    @property
    def promise(self) -> str:
        """The guarantee in one line."""
        return f"{promise(self.psnr_bound, self.error_bound)}, relative gap {self.gap:.1e}"

    def as_json(self) -> dict[str, Any]:
        bounds = {name: getattr(self, name) for name in ("psnr_bound", "error_bound", "gap")}
        return {**bounds, **super().as_json(), "data_range": float(self.results[0].data_range)}


class Proof(Reached):
    """What is proven about the minimisers of an energy."""

    def as_json(self) -> dict[str, Any]:
        return {"energy": [result.energy for result in self.results], **super().as_json()}


class ManifoldProof(Proof):
    """What is proven about denoised phases and orientations, of all pages or crystal phases."""

    @property
    def promise(self) -> str:
        if any(each.status is Status.EMBEDDED for each in self.results):
            return "none on the circle: denoised in the embedding"
        gaps = [each.gap for each in self.results]
        if None in gaps:
            return "a stationary point; no bound on the error (the problem is not convex)"
        errors = [each.error_bound for each in self.results]
        error = "" if None in errors else f", L2 error <= {max(errors):.2g} rad"
        return f"relative gap {max(gaps):.1e}{error}, among images with these wraps"

    def as_json(self) -> dict[str, Any]:
        gaps, bounds = ([getattr(r, name) for r in self.results] for name in ("gap", "error_bound"))
        return {"gap": gaps, "error_bound": bounds, **super().as_json()}


def promise(psnr_bound: float, error_bound: float) -> str:
    """Format the guaranteed PSNR and L2 distance to the exact result."""
    psnr = "exact" if math.isinf(psnr_bound) else f"PSNR >= {psnr_bound:.1f} dB"
    return f"{psnr}, L2 error <= {error_bound:.2g}"


def duration(seconds: float) -> str:
    """Format a duration in milliseconds, seconds or minutes."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


_NUMBERS = "error_bound gap iterations status data_range strength sigma noise_share"


def without_pixels(result: Any) -> Any:
    """Return the numbers of a denoised image, or of a flow, that its certificate needs."""
    kept = {name: getattr(result, name, None) for name in _NUMBERS.split()}
    psnr = result.psnr_bound()
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
