"""Segmentation of images with few or noisy labels: data, label noise, losses, measures, network.

>>> from experiments import inverse_layers
>>> pairs = inverse_layers.open_pairs("images", "masks")               # doctest: +SKIP
>>> network = inverse_layers.load("runs/cells/weights")                # doctest: +SKIP
>>> labels = inverse_layers.predict(network, image)                    # doctest: +SKIP
>>> picture = inverse_layers.overlay(image, labels, pairs.num_classes) # doctest: +SKIP

Everything is imported on first use; networks, losses and predictions need the ``torch`` extra.
"""

from __future__ import annotations

from steepest.core.lazy import lazily

_WHERE = {
    "IGNORE": "classes",
    "Classes": "classes",
    "Pairs": "data",
    "open_pairs": "data",
    "split": "data",
    "fit_size": "geometry",
    "LabelNoise": "noise",
    "cover_with_windows": "noise",
    "flip_labels": "noise",
    "thin_labels": "noise",
    "coarsen_labels": "noise",
    "LOSSES": "losses",
    "make_loss": "losses",
    "confusion": "metrics",
    "dice": "metrics",
    "intersection_over_union": "metrics",
    "scores": "metrics",
    "SegmentationUNet": "unet",
    "load": "weights",
    "save": "weights",
    "SegmentationConfig": "config",
    "train": "run",
    "make_layer": "inverse",
    "open_trained": "trained",
    "predict": "prediction",
    "probabilities": "prediction",
    "overlay": "drawing",
}

__all__ = [*_WHERE]

__getattr__, __dir__ = lazily(__name__, _WHERE)
