"""Heat layers by name: the default, the paper's, and those of its authors' code.

The paper states the step length and the number of layers (Table 1) and the stencil (Eq. (7)) but
no boundary; the "paper-..." presets pad with zeros, as a convolution does. The authors' code uses a
quarter of that stencil, ``[0 1/4 0; 1/4 -1 1/4; 0 1/4 0]``, which amounts to a step of 0.025, and
pads with zeros. Neither bounds the gain: the "paper-..." presets amplify a checkerboard 1e5 to 9e8
times, and training with them diverges.
"""

from __future__ import annotations

import re
from typing import Any

from steepest import layers

from . import evolutions

_LAYERS = {"wbc": 20, "dsb": 30, "deeplabv3+": 35, "hrnetv2-w48": 30}

PRESETS: dict[str, dict[str, Any]] = {"default": {"steps": 20, "dt": 0.025}} | {
    f"{kind}-{name}": {
        "steps": steps, "dt": dt, "boundary": "zero", "max_gain": None
    }
    for kind, dt in (("paper", 0.1), ("code", 0.025))
    for name, steps in _LAYERS.items()
}  # fmt: skip
"""Arguments of `steepest.layers.InverseHeat` by name: "default", or "paper-" or "code-" followed by
the network of Table 1."""

EVOLUTIONS = {"heat": "InverseHeat"} | {
    re.sub(r"\B(?=[A-Z])", "-", name.removesuffix("Flow")).lower(): name
    for name in (*layers.__all__, *evolutions.__all__)
    if name.endswith("Flow")
}
"""Classes of `steepest.layers` or `.evolutions`, a layer or the operator of `InverseEvolution`."""
