"""Gradient flows of points: dots with the grey tones of a photograph, points with a given density.

All names are imported on first use.
"""

from ..core.lazy import lazily

_WHERE = {
    "stipple": "stippling",
    "sample": "stippling",
    "Dots": "stippling",
    "DotStep": "descent",
    "flow": "clouds",
    "transfer_colours": "colours",
    "energy_distance": "distance",
    "PointFlow": "clouds",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE, ())
