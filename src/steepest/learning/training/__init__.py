"""The training loop of all networks (needs the ``torch`` extra).

A training has `Settings` (those of its task, and a `Recipe`: duration, learning rate, seed) and a
`Task` (network, loss, validation, weight files). `run_training` combines them: it adds the
optimiser, averaged weights, checkpoints, the log and bit-for-bit resuming.

Everything is imported on first use.
"""

from ...core.lazy import lazily

_WHERE = {
    "Recipe": "settings",
    "Settings": "settings",
    "Task": "task",
    "TrainingProgress": "loop",
    "TrainingResult": "loop",
    "run_training": "loop",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
