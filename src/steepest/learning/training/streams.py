"""Random numbers that are a function of counters alone.

Every draw has a random generator of its own, made from the seed and from the numbers of what it is
for (the step, the image in it, ..). So nothing random needs to be stored to resume a training, and
processes that share a batch take different images of it without talking to each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_GLOBAL = 2**31  # a counter that nothing else begins with


def stream(seed: int, *counters: int) -> np.random.Generator:
    """The random numbers that belong to these counters: Philox, keyed by a ``SeedSequence``."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=counters)))


@contextmanager
def global_stream(device: torch.device, seed: int, *counters: int) -> Iterator[None]:
    """torch's own random numbers (of dropout, say) made those of these counters, for a while."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(_word(seed, _GLOBAL, *counters))
        yield


def torch_stream(device: torch.device, seed: int, *counters: int) -> torch.Generator:
    """A generator of torch for these counters."""
    return torch.Generator(device).manual_seed(_word(seed, *counters))


def _word(seed: int, *counters: int) -> int:
    words = np.random.SeedSequence(seed, spawn_key=counters).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
