"""Figures of flows and decompositions; needs matplotlib (``pip install "steepest[plot]"``).

Every function takes plain arrays and returns a new ``matplotlib.figure.Figure``. None of them
touches pyplot or its global state.

>>> from steepest import plot
>>> figure = plot.band_montage(dec.bands, dec.residual, dec.edges, image=dec.image)
>>> figure.savefig("bands.png")
"""

from .canvas import figure_png
from .montage import band_montage
from .spectrum import spectrum_figure, spectrum_map
from .strip import flow_strip

__all__ = ["band_montage", "figure_png", "flow_strip", "spectrum_figure", "spectrum_map"]
