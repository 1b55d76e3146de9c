"""The rotations that leave a crystal as it is, by the names of its point group."""

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError

# The point groups of each Laue class, of which the last name is that of the class and the first one
# that of the group of rotations; Schoenflies' symbol of that group, and its main axis.
_CLASSES = {
    "1 -1": ("C1", "Z"),
    "2 m 2/m": ("C2", "Y"),
    "222 mm2 mmm": ("D2", "Z"),
    "4 -4 4/m": ("C4", "Z"),
    "422 4mm -42m 4/mmm": ("D4", "Z"),
    "3 -3": ("C3", "Z"),
    "32 3m -3m": ("D3", "Z"),
    "6 -6 6/m": ("C6", "Z"),
    "622 6mm -6m2 6/mmm": ("D6", "Z"),
    "23 m-3": ("T", "Z"),
    "432 -43m m-3m": ("O", "Z"),
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

    Raises `InputError` if there is no point group of this name.
    """
    name = "1" if symmetry is None else symmetry
    if not isinstance(name, str) or name not in _NAMES:
        classes = ", ".join(repr(names.split()[-1]) for names in _CLASSES)
        raise InputError(
            f"symmetry={symmetry!r}; allowed are None, the Laue classes {classes}, and the other "
            "point groups by their Hermann-Mauguin names"
        )
    group = Rotation.create_group(*_CLASSES[_NAMES[name]]).as_quat(canonical=True)
    group = group[np.argsort(-group[:, 3], kind="stable")]
    nearest = np.abs(np.abs(group)[..., None] - _VALUES).argmin(-1)
    group = np.copysign(_VALUES[nearest], group)
    group.setflags(write=False)
    return group
