"""Networks built from other libraries: DeepLabV3+ and HRNetV2.

They need ``pip install 'steepest[experiments]'``. DeepLabV3+ comes from
segmentation_models_pytorch; HRNetV2 is timm's HRNet with the head of its authors. Only
``encoder_weights`` causes a download, and never when weights are loaded from a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from steepest.core.errors import InputError
from steepest.core.numbers import check_count

from .inputs import check_ends, check_images, enlarged

_COLOUR = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean, deviation on ImageNet
_OTHER = ((0.449,), (0.226,))
_HRNET_STRIDE = 32


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ of segmentation_models_pytorch; images (N, C, H, W) to logits (N, K, H, W).

    The encoder is a classification network with dilated last stages. It is followed by atrous
    spatial pyramid pooling with separable convolutions, and by a decoder at a quarter of the size,
    whose result is upsampled bilinearly. Images have values in [0, 1]; the network standardises
    them by the mean and standard deviation of ImageNet. They may have any size: the last row and
    column are repeated up to multiples of ``output_stride``.

    Parameters
    ----------
    in_channels : int
        1 for greyscale images, 3 for colour.
    num_classes : int
        K, including the background; at least 2.
    encoder : str
        An encoder of segmentation_models_pytorch, "resnet101" in the inverse-evolution-layers
        paper; or "tu-" followed by a model of timm.
    encoder_weights : str, optional
        None: random weights. "imagenet" (or another name that segmentation_models_pytorch knows for
        the encoder) downloads pretrained weights.
    output_stride : 8 or 16
        The factor by which the encoder reduces the size of the image.
    decoder_channels : int
        Number of channels of the decoder.
    atrous_rates : three ints
        Dilations of the pyramid.
    dropout : float
        Dropout probability after the pyramid, in [0, 1).

    Raises
    ------
    InputError
        If the extra is not installed, a value is not allowed, the encoder cannot be dilated, or
        pretrained weights are not available. In training mode: if a batch has only one image, whose
        pooled features cannot be normalised.

    Notes
    -----
    Source: Chen et al. (2018), Encoder-Decoder with Atrous Separable Convolution.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        encoder: str = "resnet101",
        encoder_weights: str | None = None,
        output_stride: int = 16,
        decoder_channels: int = 256,
        atrous_rates: Sequence[int] = (12, 24, 36),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = check_ends(in_channels, num_classes)
        library = _extra("segmentation_models_pytorch")
        _check_encoder(library, encoder)
        if output_stride not in (8, 16):
            raise InputError(f"output_stride={output_stride!r}; allowed are 8 and 16")
        rates = [check_count(rate, "atrous_rates") for rate in atrous_rates]
        if len(rates) != 3:
            raise InputError(f"atrous_rates={atrous_rates!r}; allowed are three positive integers")
        if not 0 <= dropout < 1:
            raise InputError(f"dropout={dropout!r}; allowed are numbers from 0, below 1")
        self._arguments: dict[str, Any] = {
            "encoder": encoder,
            "output_stride": output_stride,
            "decoder_channels": check_count(decoder_channels, "decoder_channels"),
            "atrous_rates": rates,
            "dropout": float(dropout),
        }
        self.network = self._made(library, encoder_weights)
        _check_buffers(self.network, encoder)

    def _made(self, library: Any, encoder_weights: str | None) -> nn.Module:
        """Build the library's network, first without memory to check the arguments."""
        given = self._arguments
        make = partial(
            library.DeepLabV3Plus,
            given["encoder"],
            encoder_output_stride=given["output_stride"],
            decoder_channels=given["decoder_channels"],
            decoder_atrous_rates=given["atrous_rates"],
            decoder_aspp_dropout=given["dropout"],
            in_channels=self.in_channels,
            classes=self.num_classes,
        )
        with _errors(f"encoder={given['encoder']!r}"), torch.device("meta"):
            make(encoder_weights=None)
        with _errors(f"encoder_weights={encoder_weights!r}"):
            network: nn.Module = make(encoder_weights=_unless_loading(encoder_weights))
        return network

    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store, without ``encoder_weights``."""
        ends = {"in_channels": self.in_channels, "num_classes": self.num_classes}
        return {**ends, **self._arguments}

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images in [0, 1].

        Raises
        ------
        InputError
            If images are not (N, in_channels, H, W), or there is one image in training mode.
        """
        check_images(images, self.in_channels)
        if self.training and images.shape[0] < 2:
            raise InputError(
                "deeplabv3+ got 1 image in training mode; allowed are at least 2 at a time, "
                "as one pooled vector cannot be batch-normalised"
            )
        height, width = images.shape[2:]
        multiple = int(self._arguments["output_stride"])
        logits: Tensor = self.network(enlarged(standardised(images), multiple))
        return logits[..., :height, :width]


class HRNet(nn.Module):
    """HRNetV2: timm's high-resolution network and its authors' head, (N, C, H, W) to (N, K, H, W).

    The four final resolutions of the network (1/4 to 1/32) are upsampled bilinearly to 1/4 and
    concatenated. A 1x1 convolution, batch normalisation, ReLU and a 1x1 convolution give the
    logits, which are upsampled bilinearly to the size of the image. Images have values in [0, 1];
    the network standardises them by the mean and standard deviation of ImageNet. They may have any
    size: the last row and column are repeated up to multiples of 32.

    Parameters
    ----------
    in_channels : int
        1 for greyscale images, 3 for colour.
    num_classes : int
        K, including the background; at least 2.
    encoder : str
        A model of timm: "hrnet_w48" is HRNetV2-W48, "hrnet_w18_small" the smallest.
    encoder_weights : str, optional
        None: random weights. "imagenet": download timm's pretrained weights of the encoder.

    Raises
    ------
    InputError
        If the extra is not installed, a value is not allowed, or pretrained weights are not
        available.

    Notes
    -----
    Source: Wang et al. (2020), Deep High-Resolution Representation Learning for Visual
    Recognition, section 3.2 and figure 4 (b).
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        encoder: str = "hrnet_w48",
        encoder_weights: str | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.num_classes = check_ends(in_channels, num_classes)
        timm = _extra("timm")
        known = timm.list_models("hrnet*")
        if encoder not in known:
            raise InputError(f"encoder={encoder!r}; allowed are {', '.join(known)}")
        if encoder_weights not in (None, "imagenet"):
            raise InputError(f"encoder_weights={encoder_weights!r}; allowed are None and imagenet")
        self.encoder_name = encoder
        with _errors(f"encoder_weights={encoder_weights!r}"):
            self.encoder = timm.create_model(
                encoder,
                pretrained=_unless_loading(encoder_weights) is not None,
                in_chans=in_channels,
                features_only=True,
                feature_location="",  # the four resolutions, not the classifier's features
                out_indices=(1, 2, 3, 4),
            )
        width = sum(self.encoder.feature_info.channels())
        self.head = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, num_classes, 1),
        )

    def config(self) -> dict[str, Any]:
        """Constructor arguments that JSON can store, without ``encoder_weights``."""
        return {
            "in_channels": self.in_channels,
            "num_classes": self.num_classes,
            "encoder": self.encoder_name,
        }

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images in [0, 1].

        Raises
        ------
        InputError
            If images are not (N, in_channels, H, W).
        """
        check_images(images, self.in_channels)
        height, width = images.shape[2:]
        x = enlarged(standardised(images), _HRNET_STRIDE)
        fine, *coarse = self.encoder(x)
        features = [fine, *(_resized(level, fine) for level in coarse)]
        logits = _resized(self.head(torch.cat(features, 1)), x)
        return logits[..., :height, :width]


def standardised(images: Tensor) -> Tensor:
    """Standardise images (N, C, H, W) in [0, 1] for networks pretrained on ImageNet.

    Over ImageNet, each of three channels (or for greyscale images their average) then has mean 0
    and standard deviation 1.
    """
    means, deviations = _COLOUR if images.shape[1] == 3 else _OTHER
    mean, deviation = (images.new_tensor(v).reshape(1, -1, 1, 1) for v in (means, deviations))
    return (images - mean) / deviation


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _extra(module: str) -> Any:
    """Import a library of the extra ``experiments``."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"this network needs {error.name}: pip install 'steepest[experiments]'"
        ) from None
    except (ImportError, OSError, RuntimeError) as error:  # torchvision built for another torch
        raise InputError(
            f"{module} cannot be imported ({error}); it needs a torchvision whose release and "
            "build (CPU, CUDA) match the installed torch"
        ) from error


@contextmanager
def _errors(argument: str) -> Iterator[None]:
    """Turn errors of the libraries, or of the hub of their weights, into `InputError`."""
    try:
        yield
    except (KeyError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{argument} cannot be used: {error}") from error


def _unless_loading(encoder_weights: str | None) -> str | None:
    """``encoder_weights``, but None for a network without memory that is filled from a file.

    A weight file therefore cannot start a download.
    """
    return None if torch.empty(0).is_meta else encoder_weights


def _check_encoder(library: Any, encoder: str) -> None:
    """Accept only names of architectures: timm would also accept addresses of files and hubs."""
    name = str(encoder)
    if name.startswith("tu-"):
        if name.removeprefix("tu-") in _extra("timm").list_models():
            return
    elif name in library.encoders.get_encoder_names():
        return
    raise InputError(
        f"encoder={encoder!r}; allowed are names of segmentation_models_pytorch, such as resnet18, "
        "resnet101 or mobilenet_v2 (segmentation_models_pytorch.encoders.get_encoder_names() lists "
        "them), and tu- followed by a name from timm.list_models()"
    )


def _check_buffers(network: nn.Module, encoder: str) -> None:
    """Refuse networks with buffers that are not saved with the weights."""
    hidden = sorted(set(dict(network.named_buffers())) - set(network.state_dict()))
    if hidden:
        raise InputError(
            f"encoder={encoder!r} keeps {hidden[0]} outside its weights, which would be lost when "
            "it is saved; allowed are encoders that do not"
        )
