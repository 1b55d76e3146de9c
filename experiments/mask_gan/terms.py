"""The losses of a training step for each mode: one scalar that gives each network its gradient.

The three networks are updated in the same step, each by the gradient of its own loss. Everything
that one network's loss must not change is held fixed (`frozen`, ``detach``), so in the weights of
each network the gradient of the sum equals the gradient of that network's loss. Adam treats every
weight separately; one Adam on the sum is therefore the same as the paper's three with equal rates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import diffusion
from .config import MaskTrainingConfig
from .gan import MaskGAN, evaluate, frozen
from .losses import critic_loss, generator_loss, mask_loss, mean_absolute_error
from .ranking import random_masks
from .trunk import draw_seed

Terms = dict[str, Tensor]


def propose(
    gan: MaskGAN, images: Tensor, config: MaskTrainingConfig, random: torch.Generator
) -> Tensor:
    """The masks (N, 1, H, W) of the mask generator."""
    network: Any = gan.mask
    return evaluate(network, config.recipe.precision, draw_seed(images, random), images, random)


def joint_terms(
    gan: MaskGAN, images: Tensor, config: MaskTrainingConfig, random: torch.Generator
) -> Terms:
    """Eqs. (2), (3) and (4) with the mask of the mask generator.

    Only Eq. (4) updates the mask generator, through an inpainting generator that is held fixed.
    The losses of generator and critic treat the mask as a constant.
    """
    generator: Any = gan.generator
    mask = propose(gan, images, config, random)
    seed = draw_seed(images, random)
    terms = _adversarial_terms(gan, images, mask.detach(), seed, config)
    with frozen(generator):
        inpainted = evaluate(generator, config.recipe.precision, seed, mask, mask * images)
    own = mask_loss(mask, inpainted, images, config.density, config.beta)
    return {**terms, "total": terms["total"] + own, "mask": own, "density": mask.mean()}


def inpainting_terms(
    gan: MaskGAN, images: Tensor, config: MaskTrainingConfig, random: torch.Generator
) -> Terms:
    """Eqs. (2) and (3) with random masks."""
    mask = random_masks(images, config.density, random)
    seed = draw_seed(images, random)
    return _adversarial_terms(gan, images, mask, seed, config)


def diffusion_terms(
    gan: MaskGAN, images: Tensor, config: MaskTrainingConfig, random: torch.Generator
) -> Terms:
    """Eq. (4) with the steady state of diffusion in place of the generator."""
    mask = propose(gan, images, config, random)
    inpainted = diffusion.diffuse(images, mask)
    total = mask_loss(mask, inpainted, images, config.density, config.beta)
    error = mean_absolute_error(inpainted, images).mean()
    return {"total": total, "error": error, "density": mask.mean()}


TERMS = {"joint": joint_terms, "inpainting": inpainting_terms, "diffusion": diffusion_terms}
"""The losses by training mode."""


def _adversarial_terms(
    gan: MaskGAN, images: Tensor, mask: Tensor, seed: Tensor, config: MaskTrainingConfig
) -> Terms:
    """Eqs. (2) and (3) for a given mask."""
    generator: Any = gan.generator
    critic: Any = gan.critic  # in float32: bfloat16 does not resolve the small difference Eq. (2)
    inpainted = evaluate(generator, config.recipe.precision, seed, mask, mask * images)
    of_critic = critic_loss(critic(inpainted.detach(), mask), critic(images, mask))
    with frozen(critic):
        opinion = critic(inpainted, mask)
    of_generator = generator_loss(opinion, inpainted, images, config.alpha)
    return {
        "total": of_critic + of_generator,
        "critic": of_critic,
        "generator": of_generator,
        "error": mean_absolute_error(inpainted, images).mean(),
    }
