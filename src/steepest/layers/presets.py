"""Heat layers by name: the default, the paper's, and those of its authors' code.

The paper states the step length and the number of layers (Table 1) and the stencil (Eq. (7)) but
no boundary; the "paper-..." presets pad with zeros, as a convolution does. The authors' code uses a
quarter of that stencil, ``[0 1/4 0; 1/4 -1 1/4; 0 1/4 0]``, which amounts to a step of 0.025, and
pads with zeros. Neither bounds the gain: the "paper-..." presets amplify a checkerboard 1e5 to 9e8
times, and training with them diverges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from ..core.numbers import check_choice
from .heat import InverseHeat


@dataclass(frozen=True)
class HeatPreset:
    """The arguments of an `InverseHeat`."""

    steps: int
    dt: float
    boundary: str = "neumann"
    max_gain: float | None = 100.0
    stencil: bool = False


_LAYERS = {"wbc": 20, "dsb": 30, "deeplabv3+": 35, "hrnetv2-w48": 30}


def _literal(dt: float) -> dict[str, HeatPreset]:
    kind = "paper" if dt == 0.1 else "code"
    return {
        f"{kind}-{name}": HeatPreset(steps, dt, "zero", None, stencil=True)
        for name, steps in _LAYERS.items()
    }


HEAT_PRESETS: Mapping[str, HeatPreset] = MappingProxyType(
    {"default": HeatPreset(20, 0.025), **_literal(0.1), **_literal(0.025)}
)
"""Arguments of `InverseHeat` by name: "default", or "paper-" or "code-" followed by "wbc", "dsb",
"deeplabv3+" or "hrnetv2-w48"."""


def heat_preset(name: str = "default") -> InverseHeat:
    """The `InverseHeat` layer with the arguments `HEAT_PRESETS` lists under ``name``.

    - "default": 20 steps of 0.025, replicated border, gain capped at 100.
    - "paper-...": the number of steps of the paper's Table 1, steps of 0.1, the stencil, zero
      padding, no cap.
    - "code-...": the same with a quarter of the step length.

    Raises
    ------
    InputError
        If there is no preset of this name.
    """
    return InverseHeat(**asdict(HEAT_PRESETS[check_choice(name, "name", tuple(HEAT_PRESETS))]))
