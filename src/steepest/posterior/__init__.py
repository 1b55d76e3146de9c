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
    "learn": "matching",
    "Flow": "flow",
    "Dense": "training",
    "fit_mixture": "mixture",
    "Mixture": "mixture",
    "MixturePosterior": "mixture",
    "PatchPosterior": "images",
    "Posterior": "checks",
    "check": "checks",
    "Report": "checks",
    "Draws": "draws",
    "Noise": "paths",
    "Gaussian": "paths",
    "Path": "paths",
    "Straight": "paths",
    "Coupling": "paths",
    "Independent": "paths",
    "Conditional": "paths",
    "Kernel": "chains",
    "Map": "chains",
    "Metropolis": "chains",
    "Chain": "chains",
    "gap": "certificates",
    "Gap": "certificates",
    "bridge": "certificates",
    "fit_chain": "certificates",
    "sensitivity": "checks",
    "estimate_mixed_noise": "mixed_noise",
    "MixedNoise": "mixed_noise",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
