"""Samples of what measurements leave open, with certificates (needs the ``posterior`` extra).

>>> from steepest import posterior
>>> model = posterior.learn(x, y)                    # doctest: +SKIP
>>> draws = model.sample(y_new, 200)                                     # doctest: +SKIP
>>> low, high = draws.interval(0.9)                                      # doctest: +SKIP

All names are imported on first use.
"""

from __future__ import annotations

from ..core.lazy import lazily

_WHERE = {
    "learn": "flow",
    "Flow": "flow",
    "fit_mixture": "mixture",
    "Mixture": "mixture",
    "MixturePosterior": "mixture",
    "PatchPosterior": "images",
    "check": "checks",
    "Report": "checks",
    "Draws": "draws",
    "Gaussian": "noise",
    "Field": "noise",
    "Quantile": "noise",
    "Straight": "paths",
    "Diffusion": "paths",
    "Kac": "paths",
    "Independent": "couplings",
    "Conditional": "couplings",
    "Dense": "networks",
    "Chain": "chains",
    "Map": "kernels",
    "GaussianPair": "kernels",
    "langevin": "kernels",
    "Metropolis": "kernels",
    "gap": "chains",
    "Gap": "chains",
    "bridge": "chains",
    "fit_chain": "chains",
    "sensitivity": "chains",
    "estimate_mixed_noise": "mixed_noise",
    "MixedNoise": "mixed_noise",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
