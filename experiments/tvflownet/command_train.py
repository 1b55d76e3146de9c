"""``python -m experiments.tvflownet train``: train a network of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from steepest.cli import training
from steepest.cli.choices import Reporting
from steepest.cli.commands.learn import crop
from steepest.cli.extras import need
from steepest.cli.training import FOLDER, RECIPE, MachineChoice, RecipeChoice
from steepest.cli.types import Count, FileName, JSONObject, Positive, word

_DATA, _RECIPE = Parameter(metavar="DATA"), Parameter(group=RECIPE)


def train(
    data: Annotated[FileName | None, Parameter(name="DATA")] = None,
    /,
    *,
    output: Annotated[FileName, FOLDER],
    resume: bool = False,
    preset: Literal["paper", "paper-short", "report", "smoke"] | None = None,
    network: Literal["semi-resnet", "unet", "lgd"] | None = None,
    network_config: JSONObject | None = None,
    initial: Annotated[str | None, Parameter(metavar="NAME")] = None,
    objective_options: JSONObject | None = None,
    size: Annotated[Any, word(crop, "N"), _RECIPE] = None,
    images: Annotated[Count | None, _RECIPE] = None,
    times: Annotated[Count | None, _RECIPE] = None,
    t_max: Annotated[Positive | None, _RECIPE] = None,
    time_exponent: Annotated[Positive | None, _RECIPE] = None,
    recipe: RecipeChoice = RecipeChoice(),
    validation_data: Annotated[str | None, _DATA, _RECIPE] = None,
    machine: MachineChoice = MachineChoice(),
    reporting: Reporting = Reporting(),
) -> int:
    """Train a network of the paper on the flow, by the paper's loss.

    The folder, the data and the options that both have are those of ``steepest learn``. --resume
    continues the training as if it had never been stopped.

    Parameters
    ----------
    data
        a folder of images, or skimage, generated, mixed (the default)
    output
        where everything is written
    resume
        continue the training in that folder
    preset
        what the other options start from (default paper)
    network
        what is trained (default unet)
    network_config
        arguments of its constructor: '{"depth": 6}'
    initial
        shipped or own weights to begin with (default: random)
    objective_options
        weights and forms of the loss: '{"tv_term": "mean", "alpha1": 0.1}'
    size
        side of the crops; LOW,HIGH: a random one in each step
    images
        random crops per epoch
    times
        times at which each crop is shown per step
    t_max
        the latest of these times (default 0.2)
    time_exponent
        times are t_max r^X with uniform r: above 1, early ones come more often (default 1)
    validation_data
        images to validate on (default: a held-out part of DATA)

    Examples
    --------
    python -m experiments.tvflownet train -o runs/unet --preset paper-short
    python -m experiments.tvflownet train photos/ -o runs/lgd --network lgd --size 96
    python -m experiments.tvflownet train -o runs/lgd --resume

    presets:
      paper        625 images, 750 epochs, 50 times
      paper-short  the same objective in hours on a CPU
      report       the preliminary report's loss: 55 epochs
      smoke        seconds, to see that it works
    """
    need("training", "experiments", ("torch", "safetensors"))
    from steepest.learning.training.files import read_settings

    from .networks import PRESETS, PaperConfig
    from .networks import train as train_network

    if resume and not preset:
        base = read_settings(Path(output), PaperConfig)
    else:
        base = PRESETS[preset or "paper"]
    settings = training.settings_of(
        recipe, data=data, network=network, network_config=network_config, initial=initial,
        objective_options=objective_options, crop=size, images=images, times=times,
        t_max=t_max, time_exponent=time_exponent, validation_data=validation_data,
    )  # fmt: skip
    return training.run(
        train_network,
        base.replace(**settings),
        output,
        machine,
        reporting,
        command="python -m experiments.tvflownet train",
        measures=lambda row: [f"loss of validation {row['validation_score']:.4g}"],
        best=lambda row: f"loss {row['validation_score']:.4g}",
    )
