"""Plot flows, decompositions, phases, directions, orientations and tensors.

Requires matplotlib (``pip install "steepest[plot]"``).

Every plotting function takes plain arrays and returns a new ``matplotlib.figure.Figure``. The
functions do not use pyplot or its global state.

>>> from steepest import plot
>>> figure = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
>>> figure.savefig("bands.png")
"""

from steepest.core.lazy import public

from .canvas import figure_png
from .colours import direction_colours, orientation_colours, phase_colours
from .fields import (
    direction_figure,
    misorientation_figure,
    orientation_figure,
    phase_figure,
    tensor_figure,
)
from .labels import label_overlay
from .montage import band_montage
from .spectrum import spectrum_figure, spectrum_map
from .strip import flow_strip

__all__ = [
    "band_montage",
    "direction_colours",
    "direction_figure",
    "figure_png",
    "flow_strip",
    "label_overlay",
    "misorientation_figure",
    "orientation_colours",
    "orientation_figure",
    "phase_colours",
    "phase_figure",
    "spectrum_figure",
    "spectrum_map",
    "tensor_figure",
]

__dir__ = public(__all__)
