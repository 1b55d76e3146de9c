"""The device on which networks run."""

import torch

from ..core.errors import InputError


def find_device(name: str | torch.device, argument: str = "device") -> torch.device:
    """The device of this name ("auto": CUDA if available); `InputError` if it cannot be used."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{argument}={str(name)!r} cannot be used here: {reason}") from None
    return device
