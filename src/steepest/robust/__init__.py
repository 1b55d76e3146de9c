"""Robust statistics: location and scale of heavy-tailed samples, and filters made of them.

All names are imported on first use.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "cauchy_fit": "fit",
    "student_t_fit": "fit",
    "Fit": "fit",
    "myriad_filter": "myriad",
    "denoise_cauchy": "patches",
    "estimate_cauchy_noise": "noise",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
