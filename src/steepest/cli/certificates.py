"""The certificate of a result in words and numbers, in the same form for every command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """The guaranteed accuracy of one result, or the worst accuracy of its parts."""

    psnr_bound: float
    error_bound: float
    gap: float
    iterations: int
    status: str
    converged: bool
    seconds: float
    data_range: float = 1.0  # reference range of psnr_bound

    @property
    def promise(self) -> str:
        """The guarantee in one line."""
        return f"{promise(self.psnr_bound, self.error_bound)}, relative gap {self.gap:.1e}"

    @property
    def effort(self) -> str:
        """The computational effort in one line."""
        return effort(self.iterations, self.seconds)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON; non-finite numbers become null."""
        return {key: finite(value) for key, value in vars(self).items()}


@dataclass(frozen=True)
class Proof:
    """What is proven about several results together; each kind of result says its own promise."""

    results: Sequence[Any]
    seconds: float

    @property
    def status(self) -> str:
        """The status of the first result that did not converge; without one, of the first."""
        return str(next((r for r in self.results if not r.converged), self.results[0]).status)

    @property
    def converged(self) -> bool:
        return all(result.converged for result in self.results)

    @property
    def effort(self) -> str:
        """The computational effort in one line."""
        return effort(sum(result.iterations for result in self.results), self.seconds)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "energy": [result.energy for result in self.results],
            "iterations": sum(result.iterations for result in self.results),
            "converged": self.converged,
            "status": self.status,
            "seconds": self.seconds,
        }


def promise(psnr_bound: float, error_bound: float) -> str:
    """Format the guaranteed PSNR and L2 distance to the exact result."""
    psnr = "exact" if math.isinf(psnr_bound) else f"PSNR >= {psnr_bound:.1f} dB"
    return f"{psnr}, L2 error <= {error_bound:.2g}"


def effort(count: int, seconds: float, one: str = "iteration", many: str = "iterations") -> str:
    """Format the number of iterations and the time that they took."""
    return f"{count} {one if count == 1 else many}, {duration(seconds)}"


def duration(seconds: float) -> str:
    """Format a duration in milliseconds, seconds or minutes."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def certificate(result: Any, seconds: float) -> Certificate:
    """Return the certificate of a denoised image, or of a flow at its worst time."""
    return Certificate(
        psnr_bound=float(np.min(result.psnr_bound)),
        error_bound=float(np.max(result.error_bound)),
        gap=float(np.max(result.gap)),
        iterations=int(result.iterations),
        status=str(getattr(result.status, "value", result.status)),
        converged=bool(result.converged),
        seconds=seconds,
        data_range=float(result.data_range),
    )


def together(parts: Sequence[Certificate]) -> Certificate:
    """Combine the certificates of several pages: the worst accuracy and the total effort."""
    failed = [part for part in parts if not part.converged]
    return Certificate(
        psnr_bound=min(part.psnr_bound for part in parts),
        error_bound=max(part.error_bound for part in parts),
        gap=max(part.gap for part in parts),
        iterations=sum(part.iterations for part in parts),
        status=(failed or list(parts))[0].status,
        converged=not failed,
        seconds=sum(part.seconds for part in parts),
        data_range=parts[0].data_range,
    )


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
