"""Train the mean-flux network: one function, settings, images.

>>> from steepest.learning.flows.training import TrainingConfig, train
>>> result = train(TrainingConfig(data="photos/"), "runs/flux")        # doctest: +SKIP

On the command line: ``steepest learn photos/ -o runs/flux``. Everything is imported on first use.
"""

from ....core.lazy import lazily

_WHERE = {
    "PHOTOGRAPHS": "..images",
    "TrainingConfig": "config",
    "generate_image": "generate",
    "open_data": "data",
    "train": "task",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
