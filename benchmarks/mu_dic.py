"""muDIC, digital image correlation by finite elements, as a peer of `steepest.motion`.

``pip install --no-deps muDIC dill natsort`` (MIT).
"""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO

import numpy as np
from scipy.interpolate import RegularGridInterpolator


def installed() -> bool:
    """Whether muDIC can be imported."""
    return find_spec("muDIC") is not None


def mu_dic(*frames: np.ndarray, element: int = 23, margin: int = 12) -> np.ndarray:
    """The displacement (2, H, W) of the last frame, bilinear in each element; NaN outside of them.

    The settings are those of the example of muDIC, whose elements are 23 pixels wide. It starts at
    the displacement of the frame before, and reads 10 pixels beyond the mesh.
    The grey values have a range of 255.
    """
    logging.disable(logging.CRITICAL)
    with redirect_stdout(StringIO()):
        import muDIC as dic

        low = min(each.min() for each in frames)
        scale = 255 / (max(each.max() for each in frames) - low)
        images = dic.image_stack_from_list([(each - low) * scale for each in frames])
        height, width = frames[0].shape
        rows, columns = (max((n - 2 * margin) // element, 1) for n in (height, width))
        ends = {"Xc1": margin, "Xc2": width - 1 - margin, "Yc1": margin, "Yc2": height - 1 - margin}
        mesh = dic.Mesher(type="q4").mesh(images, **ends, n_ely=rows, n_elx=columns, GUI=False)
        settings = dic.DICInput(mesh, images)
        settings.maxit, settings.tol, settings.interpolation_order = 20, 1e-6, 4
        settings.noconvergence = "ignore"
        found = dic.DICAnalysis(settings).run()
    logging.disable(logging.NOTSET)
    y, x = (np.unique(each[:, 0]) for each in (found.ynodesT, found.xnodesT))
    order = np.lexsort((found.xnodesT[:, 0], found.ynodesT[:, 0]))
    grid = np.stack(np.indices((height, width)), -1)
    fields = []
    for nodes in (found.ynodesT, found.xnodesT):
        shift = (nodes[:, -1] - nodes[:, 0])[order].reshape(len(y), len(x))
        fields.append(RegularGridInterpolator((y, x), shift, "linear", False, np.nan)(grid))
    return np.stack(fields)
