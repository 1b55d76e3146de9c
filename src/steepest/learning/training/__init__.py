"""The training loop of all networks (needs the ``torch`` extra).

A training consists of a :class:`Recipe` (duration, learning rate, seed) and a :class:`Task`
(network, loss, validation, weight files). :func:`run_training` combines them and adds the
optimiser, averaging of the weights, checkpoints, the log, bit-for-bit resuming and several
processes.

Everything is imported on first use, so reading weights does not load the training loop.
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
