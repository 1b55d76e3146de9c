"""The training loop that all networks share, whatever they learn (needs the ``torch`` extra).

A training is a :class:`Recipe` (how long, which rate, which seed) and a :class:`Task` (network,
loss, validation, files of weights). :func:`run_training` brings them together: optimiser, average
of the weights, checkpoints, log, resuming bit for bit, several processes.

Everything is imported on first use: who only reads weights needs no training loop.
"""

from __future__ import annotations

from ...core.lazy import lazily

_WHERE = {
    "Moment": "loop",
    "Recipe": "recipe",
    "Task": "task",
    "Team": "distributed",
    "TrainingResult": "loop",
    "run_training": "loop",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
