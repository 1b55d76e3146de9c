"""Robust statistics: heavy-tailed samples, filters made of their fits, lines through outliers.

All names are imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "cauchy_fit": "fit",
    "student_t_fit": "fit",
    "Fit": "fit",
    "principal_components": "subspaces",
    "principal_lines": "subspaces",
    "Subspace": "subspaces",
    "dirichlet_fit": "dirichlet",
    "DirichletFit": "dirichlet",
    "myriad_filter": "myriad",
    "denoise_cauchy": "noise",
    "estimate_cauchy_noise": "noise",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
