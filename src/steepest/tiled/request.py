"""What every function by tiles is given, and which energies can be worked by tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..convex.check import as_energy
from ..convex.pointwise import PointwiseEnergy
from ..convex.total_variation import TotalVariation
from ..core.arrays import own_channel_axis
from ..core.errors import InputError
from ..core.progress import Callback
from ..core.solver import Limits
from ..core.tiles import Tiles


@dataclass(frozen=True, eq=False)
class Request:
    """What every function by tiles is given: an image, where the result goes, and how to work.

    ``own`` are the tolerance and limits of the call.
    """

    image: Any
    out: Any
    own: Limits
    tiles: Tiles | None = field(default=None)
    channel_axis: int | None = None
    spacing: float | Sequence[float] | None = None
    on_step: Callback | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiles", self.tiles or Tiles())
        axis = own_channel_axis(self.image, self.channel_axis)
        object.__setattr__(self, "channel_axis", axis)

    def at(self, image: Any, out: Any, work: Any, **changes: Any) -> Request:
        """The same request for another image, result and folder of work."""
        tiles = replace(self.how, work=work, keep=self.how.keep and work is not None)
        return replace(self, image=image, out=out, tiles=tiles, **changes)

    @property
    def how(self) -> Tiles:
        """The options of tiles."""
        assert self.tiles is not None
        return self.tiles


def energy_by_tiles(energy: Any) -> Any:
    """An energy (default: `TotalVariation`) that can be worked by tiles: a sum over pixels.

    Raises
    ------
    InputError
        If it is another one, or its boundary is periodic: a tile does not see the opposite border.
    """
    energy = as_energy(TotalVariation() if energy is None else energy)
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
