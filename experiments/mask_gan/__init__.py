"""The networks of Peter's mask GAN paper and its tables; see README.md and networks.md.

>>> from experiments import mask_gan
>>> network = mask_gan.load("runs/joint/weights")                        # doctest: +SKIP
>>> mask = mask_gan.propose_mask(network, image, density=0.05)           # doctest: +SKIP
>>> picture = mask_gan.fill(network, image, mask)                        # doctest: +SKIP
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "MaskGAN": "gan",
    "MaskTrainingConfig": "config",
    "fill": "prediction",
    "load": "weights",
    "propose_mask": "prediction",
    "save": "weights",
    "train": "run",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
