"""The arguments that all functions by tiles share, and which energies can be worked by tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..convex.capabilities import require
from ..convex.check import as_energy
from ..convex.pointwise import PointwiseEnergy
from ..convex.total_variation import TotalVariation
from ..core.arrays import own_channel_axis
from ..core.errors import InputError
from ..core.progress import Callback
from ..core.solver import Limits
from ..core.tiles import Tiles


@dataclass(frozen=True, eq=False)
class TileRequest:
    """The arguments of a function by tiles; ``own`` are the tolerance and limits of the call."""

    image: Any
    out: Any
    own: Limits
    tiles: Tiles
    channel_axis: int | None = None
    spacing: float | Sequence[float] | None = None
    on_step: Callback | None = None

    def __post_init__(self) -> None:
        axis = own_channel_axis(self.image, self.channel_axis)
        object.__setattr__(self, "channel_axis", axis)

    def at(self, image: Any, out: Any, work: Any, **changes: Any) -> TileRequest:
        """The same request for another image, result and folder of work."""
        tiles = replace(self.tiles, work=work, keep=self.tiles.keep and work is not None)
        return replace(self, image=image, out=out, tiles=tiles, **changes)


def energy_by_tiles(energy: Any) -> Any:
    """An energy (default: `TotalVariation`) that is a sum over pixels and not periodic."""
    energy = as_energy(TotalVariation() if energy is None else energy)
    require(energy, "tiles")
    if not isinstance(energy, PointwiseEnergy):
        raise InputError(
            f"energy={energy!r} is not available by tiles: its certificate is no sum over pixels; "
            "allowed are energies derived from steepest.convex.pointwise.PointwiseEnergy"
        )
    if energy.boundary != "neumann":
        raise InputError(
            f"energy: boundary={energy.boundary!r} is not available by tiles, which do not see the "
            "opposite border; allowed is 'neumann'"
        )
    return energy
