"""Inverse layers behind networks of torchvision, segmentation_models_pytorch, MONAI, Hugging Face.

Libraries that are not installed, or do not fit the installed torch, are skipped; stand-ins return
logits in the same containers.
"""

from collections import OrderedDict
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from cases.libraries import real  # noqa: E402
from steepest.layers import InverseHeat, attach  # noqa: E402


class Plain(torch.nn.Module):
    """A stand-in for a library: returns logits in the container that the library uses."""

    def __init__(self, wrap: Any) -> None:
        super().__init__()
        self.convolution, self.wrap = torch.nn.Conv2d(3, 2, 3, padding=1), wrap

    def forward(self, images: torch.Tensor) -> Any:
        return self.wrap(self.convolution(images))


def of_smp() -> Any:
    return real("segmentation_models_pytorch").Unet("mobilenet_v2", encoder_weights=None, classes=2)


def of_torchvision() -> Any:
    models = real("torchvision.models.segmentation")
    return models.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)


def of_torchvision_with_auxiliary() -> Any:
    models = real("torchvision.models.segmentation")
    return models.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=2, aux_loss=True
    )


def of_monai() -> Any:
    return real("monai.networks.nets").UNet(2, 3, 2, (4, 8), (2,))


def of_monai_with_deep_supervision() -> Any:
    return real("monai.networks.nets").BasicUNetPlusPlus(2, 3, 2, (4,) * 6, deep_supervision=True)


def of_hugging_face() -> Any:
    transformers = real("transformers")
    small = {"depths": [1] * 4, "hidden_sizes": [8] * 4, "num_attention_heads": [1] * 4}
    config = transformers.SegformerConfig(num_labels=2, decoder_hidden_size=8, **small)
    return transformers.SegformerForSemanticSegmentation(config)


def logits_in(output: Any) -> list[torch.Tensor]:
    """The logits that the layer changes, and whether there is anything else."""
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, list):
        return output
    return [output["out" if "out" in output else "logits"]]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(of_smp, marks=pytest.mark.libraries),
        pytest.param(of_torchvision, marks=pytest.mark.libraries),
        pytest.param(of_torchvision_with_auxiliary, marks=pytest.mark.libraries),
        pytest.param(of_monai, marks=pytest.mark.libraries),
        pytest.param(of_monai_with_deep_supervision, marks=pytest.mark.libraries),
        pytest.param(of_hugging_face, marks=pytest.mark.libraries),
        lambda: Plain(lambda z: OrderedDict(out=z, aux=-z)),
        lambda: Plain(lambda z: {"logits": z}),
        lambda: Plain(lambda z: [z, z[..., ::2, ::2]]),
    ],
)
def test_networks_of_other_libraries(make: Any) -> None:
    """The layer changes only the logits, and only in training mode."""
    torch.manual_seed(0)
    network = make().eval()
    layer = InverseHeat(5, 0.025)
    images = torch.rand(2, 3, 64, 64)
    plain, keys = network(images), network.state_dict().keys()
    attach(network, layer)
    same = network(images)
    assert type(same) is type(plain)
    for one, other in zip(logits_in(plain), logits_in(same), strict=True):
        assert torch.equal(one, other)
    network.training = True  # its dropout and batch normalisation stay as they are
    changed = network(images)
    assert type(changed) is type(plain)
    for one, other in zip(logits_in(plain), logits_in(changed), strict=True):
        torch.testing.assert_close(other, layer(one))
        assert not torch.equal(other, one)
    if isinstance(plain, dict) and "aux" in plain:
        assert torch.equal(changed["aux"], plain["aux"])
    assert network.state_dict().keys() == keys
    sum(z.square().mean() for z in logits_in(network.train()(images))).backward()
    assert any(p.grad is not None and bool(p.grad.abs().max() > 0) for p in network.parameters())
