"""``steepest learn``: train a network on the total variation flow, without ground truth."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from .. import choices, training
from ..extras import need
from ..training import FOLDER, RECIPE, MachineChoice, RecipeChoice
from ..types import Count, FileName, JSONObject, count, word

_DATA, _RECIPE = Parameter(metavar="DATA"), Parameter(group=RECIPE)


def crop(text: str) -> int | tuple[int, int]:
    """Parse a crop size, "32", or a range of sizes, "32,256"."""
    sizes = [count(part) for part in text.split(",")]
    if len(sizes) > 2 or min(sizes) < 2:
        raise ValueError(f"{text!r} must be a size from 2, or LOW,HIGH")
    return sizes[0] if len(sizes) == 1 else (sizes[0], sizes[1])


def learn(
    data: Annotated[FileName | None, Parameter(name="DATA")] = None,
    /,
    *,
    output: Annotated[FileName, FOLDER],
    resume: bool = False,
    network_config: JSONObject | None = None,
    initial: Annotated[str | None, Parameter(metavar="NAME")] = None,
    size: Annotated[Any, word(crop, "N"), _RECIPE] = None,
    images: Annotated[Count | None, _RECIPE] = None,
    recipe: RecipeChoice = RecipeChoice(),
    validation_data: Annotated[str | None, _DATA, _RECIPE] = None,
    machine: MachineChoice = MachineChoice(),
    reporting: choices.Reporting = choices.Reporting(),
) -> int:
    """Train a network on the flow, without ground truth.

    Train a network to compute the total variation flow. It learns from images alone, without ground
    truth: the loss bounds how far its output is from solving the equation. The folder receives a
    checkpoint, a log (log.csv) and, from the first validation on, the weights of the best network
    so far (weights.safetensors, weights.json). After Ctrl-C or --max-minutes, --resume continues
    the training as if it had never been stopped.

    Parameters
    ----------
    data
        a folder of images, or one of: skimage (freely licensed photographs that come with
        scikit-image), generated (generated shapes and textures), mixed (both; the default)
    output
        where everything is written
    resume
        continue the training in that folder
    network_config
        arguments of the network's constructor: '{"stages": 3}'
    initial
        weights to begin with: mean-flux (the shipped ones) or a file (default: random)
    size
        side of the crops; LOW,HIGH: a random one in each step
    images
        random crops per epoch
    validation_data
        images to validate on (default: a held-out part of DATA)

    Examples
    --------
    steepest learn -o runs/flux --max-minutes 60      on the bundled photographs
    steepest learn photos/ -o runs/own --initial mean-flux --epochs 20
    steepest learn -o runs/flux --resume              continue this training

    Notes
    -----
    Use the weights with steepest.learning.load("runs/flux/weights.safetensors").
    """
    need("learning", "torch")
    from steepest.learning.flows.training import TrainingConfig, train
    from steepest.learning.training.files import read_settings

    settings = training.settings_of(
        recipe, data=data, network_config=network_config, initial=initial, crop=size,
        images=images, validation_data=validation_data,
    )  # fmt: skip
    base = read_settings(Path(output), TrainingConfig) if resume else TrainingConfig()
    return training.run(
        train,
        base.replace(**settings),
        output,
        machine,
        reporting,
        command="steepest learn",
        measures=lambda row: [f"loss of validation {row['validation_score']:.4g}"],
        best=lambda row: f"loss {row['validation_score']:.4g}",
    )
