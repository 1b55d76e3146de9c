"""Train flow networks: one function, settings, images.

>>> from steepest.learning.flows.training import PRESETS, train
>>> result = train(PRESETS["smoke"], "runs/smoke")                     # doctest: +SKIP

On the command line: ``steepest learn --preset smoke -o runs/smoke``. Everything is imported on
first use.
"""

from __future__ import annotations

from ....core.lazy import lazily

_WHERE = {
    "PHOTOGRAPHS": "..images",
    "PRESETS": "presets",
    "TrainingConfig": "config",
    "generate_image": "generate",
    "open_data": "data",
    "train": "task",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
