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

ELEMENT, MARGIN = 23, 6  # pixels of an element, as in the example of muDIC, and around the mesh


def installed() -> bool:
    """Whether muDIC can be imported."""
    return find_spec("muDIC") is not None


def mu_dic(reference: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The displacement (2, H, W), bilinear in each element; NaN outside of the mesh.

    The settings are those of the example of muDIC. The grey values have a range of 255.
    """
    logging.disable(logging.CRITICAL)
    with redirect_stdout(StringIO()):
        import muDIC as dic

        low = min(reference.min(), moved.min())
        scale = 255 / (max(reference.max(), moved.max()) - low)
        images = dic.image_stack_from_list([(x - low) * scale for x in (reference, moved)])
        height, width = reference.shape
        rows, columns = (max((n - 2 * MARGIN) // ELEMENT, 1) for n in (height, width))
        ends = {"Xc1": MARGIN, "Xc2": width - 1 - MARGIN, "Yc1": MARGIN, "Yc2": height - 1 - MARGIN}
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
