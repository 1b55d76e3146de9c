"""What is proven about denoised phases and orientations, in words and numbers."""

from __future__ import annotations

from typing import Any

from steepest.core.status import Status

from .certificates import Proof


class ManifoldProof(Proof):
    """The certificates of several pages or crystal phases together."""

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
        return {
            "gap": [each.gap for each in self.results],
            "error_bound": [each.error_bound for each in self.results],
            **super().as_json(),
        }
