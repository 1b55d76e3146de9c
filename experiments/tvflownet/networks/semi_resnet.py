"""Semi-ResNet: the plain convolutional network of the paper, 14,947 parameters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from steepest.core.errors import InputError
from steepest.core.numbers import check_choice, check_count

from .paper_network import PaperNetwork, network_input, split_output

_ACTIVATIONS = {
    "relu-softplus": (nn.ReLU, nn.Softplus),
    "softplus": (nn.Softplus, nn.Softplus),
    "relu": (nn.ReLU, nn.ReLU),
}


class SemiResNet(PaperNetwork):
    """Eight 3x3 convolutions, 4 -> 16, six times 16 -> 16, 16 -> 3; ``u`` is a residual to ``u0``.

    An activation follows every convolution except the last. ``phi`` has no residual connection
    (hence "semi"). Convolutions pad with zeros. The receptive field is 17x17 pixels, plus one pixel
    for the gradient in ``phi_ini``.

    Parameters
    ----------
    channels : int
        Number of channels of the inner layers (default 16).
    depth : int
        Number of convolutions, at least 2 (default 8).
    activations : "relu-softplus", "softplus" or "relu"
        "relu-softplus", the paper's choice, is ReLU after the first layer and softplus after the
        others. The other two use one function throughout; in the paper's ablation ReLU alone loses
        2.4 dB.

    Notes
    -----
    Source: Grossmann et al., *Unsupervised learning of the total variation flow*, section 3.2.1.
    The paper does not say that ``phi_ini`` is an input; it follows from the number of parameters,
    14,947.
    """

    def __init__(
        self, channels: int = 16, depth: int = 8, activations: str = "relu-softplus"
    ) -> None:
        super().__init__()
        self.channels = check_count(channels, "channels")
        self.depth = check_count(depth, "depth")
        if self.depth < 2:
            raise InputError(f"depth={depth} must be at least 2")
        self.activations = check_choice(activations, "activations", tuple(_ACTIVATIONS))
        first, rest = _ACTIVATIONS[self.activations]
        layers: list[nn.Module] = [nn.Conv2d(4, channels, 3, padding=1), first()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), rest()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 3, 3, padding=1))

    def config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"channels": self.channels, "depth": self.depth, "activations": self.activations}

    def evolve(self, v0: Tensor, tau: Tensor, phi0: Tensor) -> tuple[Tensor, Tensor]:
        """See `PaperNetwork.evolve`."""
        return split_output(self.layers(network_input(v0, tau, phi0)))
