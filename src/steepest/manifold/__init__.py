"""Images of phases, directions, rotations and tensors. All names are imported on first use."""

from ..core.lazy import lazily

_WHERE = {
    "Circle": "circle",
    "Euclidean": "euclidean",
    "ManifoldResult": "result",
    "ManifoldStep": "result",
    "Product": "product",
    "Rotations": "rotations",
    "Sphere": "sphere",
    "SPD": "spd",
    "count_residues": "phases",
    "count_wraps": "phases",
    "denoise": "denoising",
    "denoise_grains": "grains",
    "denoise_nl_bayes": "nl_bayes",
    "denoise_phases": "phases",
    "fill_unindexed": "grains",
    "mean_misorientation": "grains",
    "misorientations": "grains",
    "neighbour_distances": "neighbours",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
