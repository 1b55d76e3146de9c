"""Robust statistics: heavy-tailed samples, and filters made of their fits.

All names are imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "cauchy_fit": "fit",
    "student_t_fit": "fit",
    "Fit": "fit",
    "myriad_filter": "myriad",
    "denoise_cauchy": "noise",
    "estimate_cauchy_noise": "noise",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
