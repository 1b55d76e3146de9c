"""Patch models: learn from good images what patches look like, then restore others.

All names are imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "fit": "fitting",
    "PatchModel": "model",
    "load": "files",
    "save": "files",
    "log_likelihood": "likelihood",
    "denoise": "denoising",
    "restore": "restoration",
    "PatchResult": "restoration",
    "superresolve": "operators",
    "coarsen": "operators",
    "deblur": "operators",
    "inpaint": "operators",
    "posterior": "sampling",
    "Posterior": "sampling",
    "interval_factor": "calibration",
    "calibrate": "calibration",
    "Calibration": "calibration",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
