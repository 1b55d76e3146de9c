"""Rotations, and orientations of crystals, which are rotations up to the crystal's symmetry."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.errors import InputError
from .compiled import rotations as compiled
from .geometry import Curvature, Manifold, check_unit, constant_curvature, evaluate
from .symmetry import operators


@dataclass(frozen=True)
class Rotations(Manifold):
    """Rotations in three dimensions as unit quaternions, scalar last as in SciPy.

    The distance is the angle of the rotation between them in radians. ``q`` and ``-q`` are the same
    rotation.

    Parameters
    ----------
    symmetry
        None, or the Hermann-Mauguin name of a crystal's point group, such as "m-3m" (cubic) or
        "6/mmm" (hexagonal); see `steepest.manifold.symmetry.operators`. Then ``q`` and ``q * s``
        are the same orientation for every rotation ``s`` of the group, and the distance is the
        smallest angle (the misorientation or disorientation).

    Notes
    -----
    A symmetry acts on the right: ``q`` is the rotation that turns the axes of the specimen into
    those of the crystal, so its matrix takes the components of a vector in the crystal's frame to
    those in the specimen's frame. For Bunge's Euler angles this is
    ``scipy.spatial.transform.Rotation.from_euler("ZXZ", [phi1, Phi, phi2])``, as in MTEX. Some
    programs (orix, for example) store the inverse; negate the first three components of theirs.

    A tangent vector at ``q`` is a rotation vector in the frame of the specimen: exp_q(w) is
    ``q`` followed by the rotation ``w``. So it is the same for all representatives of ``q``, and
    neither logarithms nor transport depend on the choice of representatives.
    """

    symmetry: str | None = None
    dimension: ClassVar[int] = 3
    point_shape: ClassVar[tuple[int, ...]] = (4,)
    embedding_shape: ClassVar[tuple[int, ...]] = (3, 3)
    curvature: ClassVar[Curvature] = "positive"

    def __post_init__(self) -> None:
        operators(self.symmetry)

    @property
    def operators(self) -> np.ndarray:
        """The rotations of the symmetry as unit quaternions (m, 4)."""
        return operators(self.symmetry)

    def check(self, points: Any, name: str) -> np.ndarray:
        return check_unit(points, name, 4, "unit quaternions (scalar last)")

    def embed(self, points: np.ndarray) -> np.ndarray:
        """Return rotation matrices (n, 3, 3) over the root of 2: near points keep their distance.

        Raises `InputError` if there is a symmetry: equal orientations have different matrices.
        """
        self._check_embedding()
        out = np.empty((len(points), 3, 3))
        compiled.matrices(points, out)
        out /= 2**0.5
        return out

    def project(self, ambient: np.ndarray) -> np.ndarray:
        """Return the rotations nearest to matrices (n, 3, 3) in the Frobenius norm.

        They are the first eigenvectors of Davenport's matrices.
        """
        self._check_embedding()
        davenport = np.empty((len(ambient), 4, 4))
        davenport[:, :3, :3] = ambient + ambient.transpose(0, 2, 1)
        trace = np.trace(ambient, axis1=1, axis2=2)
        davenport[:, range(3), range(3)] -= trace[:, None]
        davenport[:, 3, 3] = trace
        for k in range(3):
            i, j = (k + 1) % 3, (k + 2) % 3
            davenport[:, k, 3] = davenport[:, 3, k] = ambient[:, j, i] - ambient[:, i, j]
        points = np.linalg.eigh(davenport)[1][:, :, 3]
        return np.ascontiguousarray(np.where(points[:, 3:] < 0, -points, points))

    def log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return evaluate(compiled.log, (len(x), 3), x, y, self.operators)

    def exp(self, x: np.ndarray, xi: np.ndarray) -> np.ndarray:
        return evaluate(compiled.exp, x.shape, x, xi)

    def transport(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return evaluate(compiled.transport, (len(x), 3, 3), x, y, self.operators)

    def halving(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return evaluate(compiled.halving, (len(x), 3, 3), x, z, self.operators)

    def curvature_operator(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return constant_curvature(u, v, 0.25)

    def _check_embedding(self) -> None:
        if len(self.operators) > 1:
            raise InputError(
                f"manifold=Rotations(symmetry={self.symmetry!r}) has no embedding; embedded=True "
                "needs rotations without symmetry"
            )
