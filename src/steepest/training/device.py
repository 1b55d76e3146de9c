"""Whether a device is there, asked before anything is computed for it."""

from __future__ import annotations

import torch

from ..core.errors import InputError


def usable_device(name: str | torch.device, argument: str = "device") -> torch.device:
    """The device of this name.

    Raises
    ------
    InputError
        There is no such device here; the message names ``argument``.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{argument}={str(name)!r} cannot be used here: {reason}") from None
    return device
