"""Networks that choose which pixels to keep and fill in the rest, trained jointly or separately.

>>> from steepest.learning import masks
>>> network = masks.load("runs/joint/weights")                 # doctest: +SKIP
>>> mask = masks.propose_mask(network, image, density=0.05)    # doctest: +SKIP
>>> picture = masks.fill(network, image, mask)                 # doctest: +SKIP

The networks are those of the Wasserstein GAN of P. Peter, *A Wasserstein GAN for joint learning of
inpainting and spatial optimisation* (2022). Everything is imported on first use and needs the
``torch`` extra.
"""

from __future__ import annotations

from ...core.lazy import lazily

_WHERE = {
    "BINARISATIONS": "binarisation",
    "binarise": "binarisation",
    "CBlock": "blocks",
    "TCBlock": "blocks",
    "Critic": "critic",
    "InpaintingGenerator": "generator",
    "MaskGenerator": "mask_generator",
    "MaskGAN": "gan",
    "critic_loss": "losses",
    "generator_loss": "losses",
    "mask_loss": "losses",
    "MaskTrainingConfig": "config",
    "train": "run",
    "load": "weights",
    "save": "weights",
    "propose_mask": "prediction",
    "fill": "prediction",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
