"""Choose a device and check that it can be used."""

from __future__ import annotations

import torch

from ...core.errors import InputError


def automatic(name: str) -> str:
    """For "auto", "cuda" if it is available, else "cpu"; any other name is returned unchanged."""
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def usable_device(name: str | torch.device, argument: str = "device") -> torch.device:
    """The device of this name.

    Raises `InputError` if the device cannot be used on this machine; the message names
    ``argument``.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{argument}={str(name)!r} cannot be used here: {reason}") from None
    return device
