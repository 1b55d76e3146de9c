"""Train flow networks: one function, recipes, data, checkpoints.

>>> from steepest.learning.flows.training import PRESETS, train
>>> result = train(PRESETS["smoke"], "runs/smoke")                     # doctest: +SKIP

On the command line: ``steepest learn --preset smoke -o runs/smoke``.
"""

from ...training.loop import Moment, TrainingResult
from .config import TrainingConfig
from .data import PHOTOGRAPHS, open_data
from .generate import generate_image
from .presets import PRESETS
from .task import train

__all__ = [
    "PHOTOGRAPHS",
    "PRESETS",
    "Moment",
    "TrainingConfig",
    "TrainingResult",
    "generate_image",
    "open_data",
    "train",
]
