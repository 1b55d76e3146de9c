"""Plot flows, decompositions, phases, directions, orientations and tensors.

Requires matplotlib (``pip install "steepest[plot]"``).

Plotting functions take arrays and return the axes of matplotlib that they have drawn in: those
given as ``ax``, or in a new figure of pyplot. Plots of several panels take a ``figure``, which may
be one without pyplot.

>>> from steepest import plot
>>> axes = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
>>> axes[0].figure.savefig("bands.png")
"""

from steepest.core.lazy import public

from .canvas import figure_png
from .colours import direction_colours, orientation_colours, phase_colours
from .fields import (
    direction_map,
    misorientation_map,
    orientation_map,
    phase_map,
    side_by_side,
    tensor_glyphs,
)
from .labels import label_overlay, object_overlay
from .montage import band_montage, flow_strip
from .scalars import scalar_map
from .spectrum import spectrum_curve, spectrum_map

__all__ = [
    "band_montage",
    "direction_colours",
    "direction_map",
    "figure_png",
    "flow_strip",
    "label_overlay",
    "misorientation_map",
    "object_overlay",
    "orientation_colours",
    "orientation_map",
    "phase_colours",
    "phase_map",
    "scalar_map",
    "side_by_side",
    "spectrum_curve",
    "spectrum_map",
    "tensor_glyphs",
]

__dir__ = public(__all__)
