"""Devices, and several processes, started by ``torchrun``, that share each gradient."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

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


@dataclass(frozen=True)
class Team:
    """This process (``rank``) among ``size`` processes; a single one needs no communication."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, num_parts: int) -> range:
        """The parts of a batch that this process computes."""
        return range(self.rank, num_parts, self.size)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its sum over the processes, in one message for all tensors.

        All processes get the same bits. ``DistributedDataParallel`` is not an option, because its
        wrapper does not support forward-mode derivatives.
        """
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def team(device: str) -> Iterator[Team]:
    """Join the processes started by ``torchrun``; without ``torchrun``, a team of one.

    The backend is gloo on CPUs and nccl on GPUs, with one GPU per process. ``device="auto"`` is
    CUDA if it is available.

    Raises `InputError` if the device cannot be used on this machine.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")), size)
    if size == 1:
        yield Team(0, 1, chosen)
        return
    ours = not distributed.is_initialized()
    if ours:
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Team(rank, size, chosen)
    finally:
        if ours:
            distributed.destroy_process_group()


def _device(name: str, local_rank: int, size: int) -> torch.device:
    device = usable_device(automatic(name))
    if device.type == "cuda" and size > 1 and device.index is None:
        return torch.device("cuda", local_rank)
    return device
