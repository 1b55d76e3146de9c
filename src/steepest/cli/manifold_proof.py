"""What is proven about denoised phases and orientations, in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steepest.core.status import Status

from .certificates import duration


@dataclass(frozen=True)
class ManifoldProof:
    """The certificates of several pages or crystal phases together."""

    results: Sequence[Any]
    seconds: float

    @property
    def status(self) -> str:
        failed = [each for each in self.results if not each.converged]
        return str((failed or list(self.results))[0].status)

    @property
    def converged(self) -> bool:
        return all(each.converged for each in self.results)

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

    @property
    def effort(self) -> str:
        total = sum(each.iterations for each in self.results)
        return f"{total} iterations, {duration(self.seconds)}"

    def as_json(self) -> dict[str, Any]:
        return {
            "gap": [each.gap for each in self.results],
            "error_bound": [each.error_bound for each in self.results],
            "energy": [each.energy for each in self.results],
            "iterations": sum(each.iterations for each in self.results),
            "converged": self.converged,
            "status": self.status,
            "seconds": self.seconds,
        }
