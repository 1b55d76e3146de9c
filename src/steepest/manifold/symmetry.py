"""The rotations that leave a crystal as it is, by the names of its point group."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..core.errors import InputError

# The point groups of each Laue class. Its last name is that of the class, its first name that of
# the group of rotations. The pairs are axes and orders of rotations that generate the group.
_X, _Y, _Z, _DIAGONAL = (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)
_CLASSES = {
    "1 -1": (),
    "2 m 2/m": ((_Y, 2),),
    "222 mm2 mmm": ((_Z, 2), (_X, 2)),
    "4 -4 4/m": ((_Z, 4),),
    "422 4mm -42m 4/mmm": ((_Z, 4), (_X, 2)),
    "3 -3": ((_Z, 3),),
    "32 3m -3m": ((_Z, 3), (_X, 2)),
    "6 -6 6/m": ((_Z, 6),),
    "622 6mm -6m2 6/mmm": ((_Z, 6), (_X, 2)),
    "23 m-3": ((_Z, 2), (_DIAGONAL, 3)),
    "432 -43m m-3m": ((_Z, 4), (_DIAGONAL, 3)),
}
_NAMES = {name: names for names in _CLASSES for name in names.split()}
_VALUES = np.sqrt([0, 0.25, 0.5, 0.75, 1])  # that components of these quaternions take


def multiply(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the products of quaternions (..., 4), scalar last: first rotate by q, then by p."""
    v, w, a, b = p[..., :3], p[..., 3:], q[..., :3], q[..., 3:]
    vector = w * a + b * v + np.cross(v, a)
    return np.concatenate([vector, w * b - (v * a).sum(-1, keepdims=True)], -1)


@cache
def operators(symmetry: str | None) -> np.ndarray:
    """Return the group's rotations as unit quaternions (m, 4), scalar last, the identity first.

    ``symmetry`` is the Hermann-Mauguin name of one of the 32 crystallographic point groups. Mirrors
    and inversions are left out, which turns each group into that of its Laue class: diffraction
    cannot tell them apart. The main axis is z, that of "2/m" is y, and the two-fold axes across a
    main axis include x.

    Raises
    ------
    InputError
        If there is no point group of this name.
    """
    name = "1" if symmetry is None else symmetry
    if not isinstance(name, str) or name not in _NAMES:
        classes = ", ".join(repr(names.split()[-1]) for names in _CLASSES)
        raise InputError(
            f"symmetry={symmetry!r}; allowed are None, the Laue classes {classes}, and the other "
            "point groups by their Hermann-Mauguin names"
        )
    group = np.array([[0.0, 0.0, 0.0, 1.0]])
    generators = [
        [*(np.sin(np.pi / order) * np.array(axis) / np.linalg.norm(axis)), np.cos(np.pi / order)]
        for axis, order in _CLASSES[_NAMES[name]]
    ]
    size = 0
    while len(group) > size:
        size = len(group)
        for generator in generators:
            group = _distinct(np.concatenate([group, multiply(group, np.array(generator))]))
    group.setflags(write=False)
    return group


def _distinct(quaternions: np.ndarray) -> np.ndarray:
    """Return each rotation once, in the order in which it first appears, with exact components."""
    nearest = np.abs(np.abs(quaternions)[..., None] - _VALUES).argmin(-1)
    exact = np.copysign(_VALUES[nearest], quaternions)
    kept: list[np.ndarray] = []
    for q in exact:
        if all(abs(q @ other) < 0.999 for other in kept):
            kept.append(q if q[3] >= 0 else -q)
    return np.array(kept)
