"""Choose the solver of a problem: a special one for the energy if there is one, else array code.

Compiled solvers and those for tensors are imported on first use, so that the array code needs
neither a compiler nor torch.
"""

from typing import Any, cast

from ..core.errors import InputError
from ..core.namespace import Array, is_torch
from .combined import CombinedTotalVariation
from .crofton import CroftonTotalVariation
from .dual import Dual
from .energy import Energy, ProximalEnergy, maps_of
from .pointwise import PointwiseEnergy
from .primal_dual import PrimalDual
from .saddle import SaddleDual
from .second_order import SecondOrderTotalVariation
from .total_generalised_variation import TotalGeneralisedVariation
from .total_variation import TotalVariation


def is_compiled(energy: Energy) -> bool:
    """Whether the energy has a compiled solver for arrays in main memory."""
    return type(energy) is TotalVariation and energy.boundary == "neumann"


def is_compiled_saddle(f: Array, energy: Energy) -> bool:
    """Whether the energy has a compiled primal-dual solver for arrays in main memory like f."""
    if f.ndim != 3 or getattr(energy, "boundary", None) != "neumann":  # with channels
        return False
    if type(energy) is TotalGeneralisedVariation:
        return not maps_of(energy)
    if not isinstance(energy, PointwiseEnergy) or not energy.isotropic:
        return False
    bent = type(energy) in (SecondOrderTotalVariation, CombinedTotalVariation)
    return bent and not energy.huber and energy.weights is None


def on_accelerator(f: Array, energy: Energy) -> bool:
    """Whether the solvers for tensors on an accelerator take this array and energy."""
    pointwise = type(energy) in (TotalVariation, SecondOrderTotalVariation)
    return pointwise and is_torch(f) and f.device.type != "cpu"


def make_dual(f: Array, energy: Any, num_threads: int | None = None) -> Dual:
    """The energy's own solver if it takes this array, else `PrimalDual`, which needs ``prox``."""
    if on_accelerator(f, getattr(energy, "each", energy)):
        from .tensors.choice import tensor_dual

        return tensor_dual(f, energy)
    if is_compiled_saddle(f, energy) and not is_torch(f):
        from .compiled.saddle import CompiledPrimalDual, CompiledSaddle

        kind = CompiledSaddle if type(energy) is TotalGeneralisedVariation else CompiledPrimalDual
        return kind(f, energy, num_threads)
    if type(energy) is TotalGeneralisedVariation:
        return SaddleDual(f, energy)
    if is_compiled(energy) and not is_torch(f):
        from .compiled.dual import CompiledDual

        return CompiledDual(f, energy, num_threads)
    crofton = type(energy) is CroftonTotalVariation and not energy.huber
    if crofton and not is_torch(f) and f.shape[0] == 1:
        from .compiled.crofton import CroftonDual

        return CroftonDual(f, energy, num_threads)
    if not hasattr(energy, "prox"):
        raise InputError(f"energy={energy!r} has no method prox, which its solver needs")
    return PrimalDual(f, cast(ProximalEnergy, energy))
