"""Colours of phases, directions and crystal orientations, as arrays of RGB values."""

from typing import Any

import numpy as np

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_numbers

# Oklab (B. Ottosson, 2020): a colour space in which equal distances look equal
_TO_CONES = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
_YELLOW = 1.85  # the hue, in radians, that is brightest at full chroma
_START = 0.45  # the hue of phase 0: red
_CHROMA = 0.135

CORNERS = {
    "m-3m": np.array([(0, 0, 1), (0.5**0.5, 0, 0.5**0.5), (3**-0.5, 3**-0.5, 3**-0.5)]),
    "6/mmm": np.array([(0, 0, 1), (1, 0, 0), (3**0.5 / 2, 0.5, 0)]),
    "-3m": np.array([(0, 0, 1), (3**0.5 / 2, -0.5, 0), (3**0.5 / 2, 0.5, 0)]),
    "4/mmm": np.array([(0, 0, 1), (1, 0, 0), (0.5**0.5, 0.5**0.5, 0)]),
    "mmm": np.array([(0, 0, 1), (1, 0, 0), (0, 1, 0)]),
}
"""Crystal directions (unit vectors) that are red, green and blue, for each group with a key."""
_KEYS = {
    **{name: name for name in CORNERS},
    **{"m-3": "m-3m", "6/m": "6/mmm", "-3": "-3m", "4/m": "4/mmm", "2/m": "mmm", "-1": "mmm"},
}
_FOLDS = {"6/mmm": (60, 0), "-3m": (120, 30), "4/mmm": (90, 0)}  # period and shift of azimuths


def phase_colours(phase: Any) -> np.ndarray:
    """Return colours (..., 3) in [0, 1] of phases in radians.

    The hue turns once with the phase, evenly for the eye (in the Oklab colour space); the chroma is
    constant, and yellow is somewhat lighter than blue.

    Raises
    ------
    InputError
        If the phases are not finite real numbers.
    """
    return _hues(check_numbers(phase, "phase"))


def direction_colours(directions: Any, *, axial: bool = False) -> np.ndarray:
    """Return colours (..., 3) in [0, 1] of unit vectors (..., 2) or (..., 3), given as (x, y, z).

    The hue is the azimuth, as in `phase_colours`; z = 1 is white and z = -1 is dark. With
    ``axial=True``, opposite directions have the same colour, ``(abs(x), abs(y), abs(z))`` as red,
    green and blue, as usual for diffusion tensors.

    Raises
    ------
    InputError
        If the directions are not finite, or zero, or have a last axis of another length.
    """
    vectors = check_numbers(directions, "directions")
    if vectors.ndim < 1 or vectors.shape[-1] not in (2, 3):
        raise InputError(
            f"directions of shape {vectors.shape}; allowed is a last axis of length 2 or 3"
        )
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    if not (length > 0).all():
        raise InputError("directions hold zero vectors, which have no direction")
    vectors = vectors / length
    if axial:
        spare = np.zeros((*vectors.shape[:-1], 3 - vectors.shape[-1]))
        return np.abs(np.concatenate([vectors, spare], -1))
    colours = _hues(np.arctan2(vectors[..., 1], vectors[..., 0]))
    if vectors.shape[-1] == 2:
        return colours
    height = vectors[..., 2:]
    ends = np.where(height > 0, 0.97, 0.13)
    return colours + (ends - colours) * np.abs(height) ** 1.5


def orientation_colours(
    quaternions: Any, symmetry: str = "m-3m", *, direction: Any = (0, 0, 1)
) -> np.ndarray:
    """Return the inverse-pole-figure colours (..., 3) in [0, 1] of crystal orientations.

    The colour tells which crystal direction is parallel to ``direction`` of the sample. In cubic
    crystals, 001 is red, 101 green and 111 blue; other directions are mixtures by their barycentric
    coordinates, the largest of which is 1. Directions related by the symmetry have one colour.

    Parameters
    ----------
    quaternions
        Array of shape (..., 4) in SciPy's order (x, y, z, w), rotations from the crystal to the
        sample. They need not be normalised.
    symmetry
        Laue group: "-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3" or
        "m-3m". Groups without the mirror planes of a larger one have the colours of the latter.
    direction
        Direction of the sample (x, y, z); z is the normal of the surface.

    Raises
    ------
    InputError
        If the quaternions are not finite or zero, if the symmetry is unknown, or if ``direction``
        is not a vector of three numbers.
    """
    q, axis = check_numbers(quaternions, "quaternions"), check_numbers(direction, "direction")
    if q.ndim < 1 or q.shape[-1] != 4 or not (np.abs(q).max(-1, initial=0) > 0).all():
        raise InputError(f"quaternions of shape {q.shape}; allowed is (..., 4), none of them zero")
    if axis.shape != (3,) or not axis.any():
        raise InputError(f"direction={direction!r}; allowed are three numbers, not all zero")
    vector, scalar = -q[..., :3], q[..., 3:]  # the inverse rotation: from sample to crystal
    twice = 2 * np.cross(vector, axis)
    norm = (q * q).sum(-1, keepdims=True)
    crystal = axis + (scalar * twice + np.cross(vector, twice)) / norm
    return key_colours(fold_to_triangle(crystal, key_of(symmetry)), key_of(symmetry))


def key_of(symmetry: str) -> str:
    """Return the group whose colour key a Laue group uses."""
    return _KEYS[check_choice(symmetry, "symmetry", tuple(_KEYS))]


def fold_to_triangle(vectors: np.ndarray, key: str) -> np.ndarray:
    """Return the equivalent directions within the triangle of `CORNERS`."""
    if key == "-3m":  # of the inversion centre; its twofold axes are not along z
        vectors = np.where(vectors[..., 2:] < 0, -vectors, vectors)
    else:
        vectors = np.concatenate([vectors[..., :2], np.abs(vectors[..., 2:])], -1)
    if key in ("m-3m", "mmm"):
        vectors = np.abs(vectors)
        return np.sort(vectors, -1)[..., [1, 0, 2]] if key == "m-3m" else vectors
    period, shift = np.radians(_FOLDS[key])
    angle = np.mod(np.arctan2(vectors[..., 1], vectors[..., 0]) + shift, period)
    angle = np.minimum(angle, period - angle) - shift
    radius = np.hypot(vectors[..., 0], vectors[..., 1])
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), vectors[..., 2]], -1)


def key_colours(vectors: np.ndarray, key: str) -> np.ndarray:
    """Return the colours of directions within the triangle."""
    shares = np.maximum(vectors @ np.linalg.inv(CORNERS[key]), 0)
    return np.sqrt(shares / shares.max(-1, keepdims=True))


def _hues(angle: np.ndarray) -> np.ndarray:
    hue = angle + _START
    light = 0.715 + 0.085 * np.cos(hue - _YELLOW)
    lab = np.stack([light, _CHROMA * np.cos(hue), _CHROMA * np.sin(hue)], -1)
    linear = np.clip((lab @ _TO_CONES.T) ** 3 @ _TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
