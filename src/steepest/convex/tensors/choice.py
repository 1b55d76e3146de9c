"""Choose the solver for tensors on an accelerator: the Triton kernel where it works."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch

from ...core.namespace import Array
from ..dual import Dual
from ..solve import RELAXATION, Momentum
from ..total_variation import TotalVariation
from .dual import TensorDual

_MOST_CHANNELS = 16  # that the kernel holds at a time
_MOST_ROWS, _MOST_PIXELS = 65535, 2**31 - 1  # of its grid, and of its indices within an image
_CLOSE = 1e-4  # flux after 21 iterations, in float32


def tensor_dual(f: Array, energy: Any) -> Dual:
    """`fused.FusedDual` where it takes the problem and works, else `TensorDual`."""
    each = getattr(energy, "each", energy)
    images = len(getattr(energy, "references", (0,)))
    planar = f.ndim == 3 and f.shape[0] // images <= _MOST_CHANNELS
    fits = planar and f.shape[1] <= _MOST_ROWS and f[0].numel() <= _MOST_PIXELS
    total_variation = type(each) is TotalVariation and each.boundary == "neumann"
    if f.is_cuda and fits and total_variation and kernel_works(f.device, f.dtype):
        from .fused import FusedDual

        return FusedDual(f, energy)
    return TensorDual(f, energy)


@lru_cache
def kernel_works(device: Any, dtype: Any) -> bool:
    """Whether the Triton kernel works on this device, where a compiler may be missing."""
    if find_spec("triton") is None:
        return False
    try:
        from .fused import FusedDual

        f = torch.linspace(-1, 2, 7 * 9, dtype=dtype, device=device).sin().reshape(1, 7, 9)
        energy = TotalVariation().on(f, (1.0, 1.0))
        duals = (TensorDual(f, energy), FusedDual(f, energy))
        for dual in duals:
            dual.set_step(0.1, RELAXATION)
            for _ in range(3):  # compiled, recorded, replayed
                dual.iterate(Momentum().factors(7)[0])
        return float(abs(duals[0].flux - duals[1].flux).max()) < _CLOSE
    except Exception:  # whatever it is, the array code works
        return False
