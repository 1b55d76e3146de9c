"""Figures of flows and decompositions; needs matplotlib (``pip install "steepest[plot]"``).

Every function takes plain arrays and returns a ``matplotlib.figure.Figure`` that belongs to
nobody else: pyplot and its global state are never touched.

>>> from steepest import plot
>>> figure = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
>>> figure.savefig("bands.png")
"""

from .canvas import figure_png
from .montage import band_montage
from .spectrum import spectrum_figure, spectrum_map
from .strip import flow_strip

__all__ = ["band_montage", "figure_png", "flow_strip", "spectrum_figure", "spectrum_map"]
