"""SUN-DIC, digital image correlation by subsets, as a peer of `steepest.motion`.

``pip install SUN-DIC`` (MIT) brings PyQt and ray; ``pip install --no-deps SUN-DIC natsort
msgpack-numpy pandas opencv-contrib-python-headless`` is enough here.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.interpolate import RegularGridInterpolator

SUBSET, STEP = 33, 3  # pixels; 33 is the default of SUN-DIC
_OPTIONS = {
    "CPUCount": 1, "DebugLevel": 0, "DICType": "Planar", "SubSetSize": SUBSET, "StepSize": STEP,
    "ShapeFunctions": "Affine", "StartingPoints": 4, "ReferenceStrategy": "Relative",
    "GaussianBlurSize": 5, "GaussianBlurStdDev": 0.0, "DatumImage": 0, "TargetImage": 1,
    "Increment": 1, "BackgroundCutoff": 0, "OptimizationAlgorithm": "IC-GN", "MaxIterations": 50,
    "InterpolationOrder": 3, "ConvergenceThreshold": 1e-4, "NZCCThreshold": 0.99,
}  # fmt: skip


def installed() -> bool:
    """Whether SUN-DIC can be imported."""
    return find_spec("sundic") is not None


def sun_dic(reference: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The displacement (2, H, W); NaN within half a subset of the border."""
    import sundic.post_process as post
    from skimage.io import imsave
    from sundic.settings import Settings
    from sundic.sundic import planarDICLocal

    low = min(reference.min(), moved.min())
    scale = 255 / (max(reference.max(), moved.max()) - low)
    height, width = reference.shape
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for k, image in enumerate((reference, moved)):
            pixels = np.rint((image - low) * scale).astype(np.uint8)
            imsave(images / f"{k}.tif", pixels, check_contrast=False)
        settings = Settings()
        for name, value in _OPTIONS.items():
            setattr(settings, name, value)
        settings.ImageFolder, settings.ROI = str(images), [0, 0, width, height]
        file = str(Path(folder) / "result.sdic")
        planarDICLocal(settings, file)
        rows, _, _ = post.getDisplacements(file, -1, smoothWindow=0)
    x, y = (np.unique(rows[:, k]) for k in (0, 1))
    order = np.lexsort((rows[:, 0], rows[:, 1]))
    fields = rows[order][:, [4, 3]].T.reshape(2, len(y), len(x))
    grid = np.stack(np.indices((height, width)), -1)
    return np.stack(
        [RegularGridInterpolator((y, x), f, "linear", False, np.nan)(grid) for f in fields]
    )
