"""Measures of segmentations: dice for each image, intersection over union for a set."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from steepest.core.errors import InputError

from .classes import IGNORE


def confusion(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The confusion matrix (K, K), int64: pixels by true class (row) and predicted class (column).

    Pixels with the label `IGNORE` are left out. Matrices of several images can be added.

    Raises
    ------
    InputError
        If the shapes differ, or a class is outside 0 .. num_classes - 1.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape:
        raise InputError(f"predicted has shape {predicted.shape}, labels {labels.shape}")
    counted = labels != IGNORE
    true, guess = labels[counted].astype(np.int64), predicted[counted].astype(np.int64)
    for name, values in (("labels", true), ("predicted", guess)):
        if values.size and not 0 <= values.min() <= values.max() < num_classes:
            raise InputError(
                f"{name}: classes {values.min()} to {values.max()}; "
                f"allowed are 0 to {num_classes - 1}"
            )
    pairs = np.bincount(true * num_classes + guess, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)


def dice(counts: np.ndarray) -> np.ndarray:
    """``2 |P and T| / (|P| + |T|)`` for each class except the background, (K - 1,), float64.

    NaN for a class that is neither in the prediction nor in the truth.

    Parameters
    ----------
    counts : integers (K, K)
        `confusion` of one image.
    """
    return _ratio(2 * np.diagonal(counts), counts.sum(0) + counts.sum(1))[1:]


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """``|P and T| / |P or T|`` for each class, including the background, (K,), float64.

    NaN for a class that is neither in the prediction nor in the truth.

    Parameters
    ----------
    counts : integers (K, K)
        `confusion`, summed over a set of images.
    """
    both = np.diagonal(counts)
    return _ratio(both, counts.sum(0) + counts.sum(1) - both)


def scores(counts: Iterable[np.ndarray]) -> dict[str, float]:
    """Measures of a set of images, from the `confusion` of each.

    Returns
    -------
    dict
        "dice": mean over the images of the mean over the foreground classes, as in the paper's
        code. Classes that are neither in the prediction nor in the truth of an image are skipped,
        and so are images without any foreground. "mean_iou": mean over the classes of the
        intersection over union of the set. NaN if nothing is left.
    """
    matrices = list(counts)
    if not matrices:
        return {"dice": float("nan"), "mean_iou": float("nan")}
    per_image = np.array([_mean(dice(matrix)) for matrix in matrices])
    total = np.sum(matrices, axis=0)
    return {"dice": _mean(per_image), "mean_iou": _mean(intersection_over_union(total))}


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    empty = bottom == 0
    return np.where(empty, np.nan, top / np.where(empty, 1, bottom))


def _mean(values: np.ndarray) -> float:
    """The mean of the values that are not NaN."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
