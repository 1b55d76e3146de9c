"""Denoising: by an energy, or by a patch model that is given or learned from a good image."""

import shlex
from pathlib import PurePath
from typing import Any

import numpy as np

from .. import patches
from ..convex.capabilities import energies, energy_named
from ..core.numbers import check_choice, check_number
from ..flows.denoise import denoise
from ..flows.noise import estimate_noise
from ..flows.strength import denoise_least_risk
from ..patches.files import SUFFIX, decode
from .source import Source, check_upload, result_name
from .tools import Computation, Made, Progress, Task

_MOST = 16.0  # times the automatic strength


def by_energy(task: Task) -> Computation:
    """Denoise with the ``energy``, at ``amount`` times the strength of the least risk."""
    name = check_choice(task.args.get("energy"), "energy", tuple(energies()))
    amount = check_number(task.args.get("amount", 1), "amount", positive=True, most=_MOST)
    image, source = task.image, task.source
    energy, axis = energy_named(name), image.channel_axis

    def work(on_step: Progress) -> Made:
        found = denoise_least_risk(image.array, None, energy, channel_axis=axis, on_step=on_step)
        strength = float(f"{amount * float(found.strength):.3g}")
        chosen = amount == 1 or strength == 0
        if not chosen:
            found_by = denoise(image.array, strength, energy, channel_axis=axis, on_step=on_step)
        result = np.asarray(found.image if chosen else found_by.image)
        file = result_name(image, "denoised")
        given = [] if chosen else [strength]
        words = [f"--energy={name}"] * (name != "tv") + [f"--strength={each!r}" for each in given]
        call = ", ".join(["image.array", *map(repr, given)])
        python = (
            f"import steepest\n{source.python()}"
            f"found = steepest.denoise(\n    {call}, energy=steepest.energy_named({name!r}),"
            " channel_axis=image.channel_axis\n)\n"
            f"io.write_image({file!r}, image.with_parts([found.image]))\n"
        )
        command = source.command("denoise", *words, "-o", file)
        fields = {
            "noise": float(found.sigma or 0.0), "strength": strength,
            "python": python, "command": command,
        }  # fmt: skip
        made = image.with_parts([result])
        return Made(fields, [task.shown(result)], lambda args: made, "denoised")

    return work


def by_model(task: Task) -> Computation:
    """Denoise by the model that is sent along, or by one of the good image that is sent along."""
    image, axis = task.image, task.image.channel_axis
    name, data = check_upload(task.args, task.buffers)
    model = decode(data, name) if name.lower().endswith(SUFFIX) else None
    good = None if model else task.second()

    def work(on_step: Progress) -> Made:
        own = model
        if good is not None:
            own = patches.fit(good.array, channel_axis=good.channel_axis, on_step=on_step)
        assert own is not None
        sigma = estimate_noise(image.array, channel_axis=axis)
        result = patches.denoise(image.array, own, sigma, channel_axis=axis, on_step=on_step)
        fields = {"noise": sigma, **_code(task.source, name)}
        made = image.with_parts([result])
        return Made(fields, [task.shown(result)], lambda args: made, "denoised")

    return work


def _code(source: Source, name: str) -> dict[str, Any]:
    """Python code and a command that compute the file by the model or the good image."""
    axis, file = "channel_axis=image.channel_axis", result_name(source.image, "denoised")
    model, learn = name, f"model = patches.load({name!r})\n"
    if not name.lower().endswith(SUFFIX):
        model = f"{PurePath(name).stem}{SUFFIX}"
        learn = (
            f"good = io.read_image({name!r})\n"
            "model = patches.fit(good.array, channel_axis=good.channel_axis)\n"
        )
    python = (
        f"{source.python('patches')}{learn}"
        f"result = patches.denoise(image.array, model, {axis})\n"
        f"io.write_image({file!r}, image.with_parts([result]))\n"
    )
    command = source.command("restore", "--model", model, "-o", file)
    if command is not None and model != name:
        command = f"{shlex.join(['steepest', 'patches', 'fit', name, '-o', model])} && {command}"
    return {"python": python, "command": command}
