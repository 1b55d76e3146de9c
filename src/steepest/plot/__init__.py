"""Plot flows and decompositions. Requires matplotlib (``pip install "steepest[plot]"``).

Every plotting function takes plain arrays and returns a new ``matplotlib.figure.Figure``. The
functions do not use pyplot or its global state.

>>> from steepest import plot
>>> figure = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
>>> figure.savefig("bands.png")
"""

from .canvas import figure_png
from .labels import label_overlay
from .montage import band_montage
from .spectrum import spectrum_figure, spectrum_map
from .strip import flow_strip

__all__ = [
    "band_montage",
    "figure_png",
    "flow_strip",
    "label_overlay",
    "spectrum_figure",
    "spectrum_map",
]
