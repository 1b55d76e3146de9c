"""Random numbers as a function of counters alone.

Every draw has its own random generator, made from the seed and from counters of its purpose (the
step, the image within the step, ...), so that no random state needs to be stored to resume a
training.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_GLOBAL = 2**31  # a first counter that nothing else uses


def stream(seed: int, *counters: int) -> np.random.Generator:
    """The random generator of these counters: Philox, keyed by a ``SeedSequence``."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=counters)))


@contextmanager
def global_stream(device: torch.device, seed: int, *counters: int) -> Iterator[None]:
    """Inside, torch's global random numbers (as in dropout) are those of these counters."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_word(seed, _GLOBAL, *counters))
        yield


def torch_stream(device: torch.device, seed: int, *counters: int) -> torch.Generator:
    """A torch generator for these counters."""
    return torch.Generator(device).manual_seed(_word(seed, *counters))


def _word(seed: int, *counters: int) -> int:
    words = np.random.SeedSequence(seed, spawn_key=counters).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
