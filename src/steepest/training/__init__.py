"""The training loop that all networks share, whatever they learn (needs the ``torch`` extra).

A training is a :class:`Recipe` (how long, which rate, which seed) and a :class:`Task` (network,
loss, validation, files of weights). :func:`run_training` brings them together: optimiser, average
of the weights, checkpoints, log, resuming bit for bit, several processes.
"""

from .distributed import Team
from .loop import Moment, TrainingResult, run_training
from .recipe import Recipe
from .task import Task

__all__ = ["Moment", "Recipe", "Task", "Team", "TrainingResult", "run_training"]
