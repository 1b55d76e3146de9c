"""Certified gradient flows of images.

>>> import steepest
>>> result = steepest.tv_flow(image, times=[0.05, 0.1, 0.2])       # doctest: +SKIP
>>> decomposition = steepest.spectral.decompose(image)             # doctest: +SKIP

Everything is imported on first use: ``import steepest`` loads neither numba nor torch.
"""

from __future__ import annotations

from .core.lazy import lazily

__version__ = "0.1.0"

_WHERE = {
    "flow": "flows.flow",
    "tv_flow": "flows.flow",
    "FlowResult": "flows.result",
    "FlowState": "flows.result",
    "Step": "flows.result",
    "TimeGrid": "flows.time_grid",
    "Accuracy": "flows.time_grid",
    "denoise": "flows.denoise",
    "denoise_tv": "flows.denoise",
    "DenoiseResult": "flows.result",
    "denoise_discrepancy": "flows.discrepancy",
    "denoise_least_risk": "flows.strength",
    "estimate_noise": "flows.noise",
    "estimate_noise_model": "flows.noise",
    "NoiseModel": "flows.noise_model",
    "anscombe": "flows.anscombe",
    "anscombe_noise": "flows.anscombe",
    "inverse_anscombe": "flows.anscombe",
    "extinction_time": "flows.extinction",
    "TotalVariation": "convex.total_variation",
    "CroftonTotalVariation": "convex.crofton",
    "SecondOrderTotalVariation": "convex.second_order",
    "CombinedTotalVariation": "convex.combined",
    "TotalGeneralisedVariation": "convex.total_generalised_variation",
    "energy_named": "convex.capabilities",
    "total_variation": "convex.total_variation",
    "check_energy": "convex.check",
    "inpaint": "inpainting.solve",
    "InpaintResult": "inpainting.result",
    "gradient": "grid.checked",
    "divergence": "grid.checked",
    "Solver": "core.solver",
    "Tiles": "core.tiles",
    "Status": "core.status",
    "InputError": "core.errors",
    "TooManySteps": "core.errors",
    "NotConverged": "core.errors",
}
_MODULES = (
    "spectral",
    "segmentation",
    "manifold",
    "inpainting",
    "robust",
    "particles",
    "motion",
    "patches",
    "posterior",
    "compression",
    "layers",
    "learning",
    "io",
    "plot",
    "app",
)

__all__ = [*_WHERE, *_MODULES, "__version__"]

__getattr__, __dir__ = lazily(__name__, _WHERE, _MODULES)
