"""Heat layers by name: the default, the paper's, and those of its authors' code.

The paper states the step length and the number of layers (its Table 1) and the stencil (Eq. (7)),
but no boundary; a convolution pads with zeros, so "paper-..." do. The authors' code has a quarter
of that stencil, ``[0 1/4 0; 1/4 -1 1/4; 0 1/4 0]``, which is a step of 0.025, and pads with zeros.
Neither bounds the gain: "paper-..." amplify a checkerboard 1e5 to 9e8 times, and trainings diverge.
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
"""Arguments of `InverseHeat` by name: "default"; "paper-" and "code-" with "wbc", "dsb",
"deeplabv3+" or "hrnetv2-w48"."""


def heat_preset(name: str = "default") -> InverseHeat:
    """The `InverseHeat` layer of a name in `HEAT_PRESETS`.

    "default": 20 steps of 0.025, replicated border, gain capped. "paper-...": Table 1 of the paper
    with its stencil, zero padding, no cap. "code-...": the same with a quarter of the step.

    Raises
    ------
    InputError
        No such name.
    """
    return InverseHeat(**asdict(HEAT_PRESETS[check_choice(name, "name", tuple(HEAT_PRESETS))]))
