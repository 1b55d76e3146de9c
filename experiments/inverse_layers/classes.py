"""Convert the numbers in masks to class numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.core.errors import InputError

from .matching import shortened

IGNORE = 255
"""The label of pixels that losses and measures ignore."""

_MOST_FOUND = 32  # more different values than this must be listed to count as classes


@dataclass(frozen=True)
class Classes:
    """How masks are read.

    ``values[k]`` is the number in the masks that means class k. With ``instances`` there are two
    classes: 0 where the mask is 0, and 1 where it is larger. With a ``threshold``, the classes are
    0 below the threshold and 1 from it on. Pixels of value ``ignore`` become `IGNORE`.
    """

    values: tuple[int, ...]
    instances: bool = False
    ignore: int | None = None
    threshold: int | None = None

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.values)

    def labels(self, mask: np.ndarray, name: str = "mask") -> np.ndarray:
        """Convert an integer mask (H, W) to int64 labels: 0 .. num_classes - 1 and `IGNORE`.

        Raises
        ------
        InputError
            If a number in the mask is not one of ``values``.
        """
        left_out = np.zeros(mask.shape, bool) if self.ignore is None else mask == self.ignore
        if self.instances:
            unknown = mask < 0
            labels = (mask > 0).astype(np.int64)
        elif self.threshold is not None:
            unknown = np.zeros(mask.shape, bool)
            labels = (mask >= self.threshold).astype(np.int64)
        else:
            order = np.argsort(self.values)
            known = np.asarray(self.values)[order]
            place = np.minimum(np.searchsorted(known, mask), len(known) - 1)
            unknown = known[place] != mask
            labels = order[place].astype(np.int64)
        if bool((unknown & ~left_out).any()):
            found = [str(v) for v in np.unique(mask[unknown & ~left_out])]
            allowed = "0 and above" if self.instances else ", ".join(map(str, self.values))
            if self.ignore is not None:
                allowed += f", and {self.ignore} for pixels to ignore"
            raise InputError(f"{name}: has the values {shortened(found)}; allowed are {allowed}")
        labels[left_out] = IGNORE
        return labels


def check_values(values: Sequence[int] | None, ignore: int | None) -> tuple[int, ...] | None:
    """Check the numbers of the classes given by the user.

    Raises
    ------
    InputError
        If they are not two to 255 different integers, or include ``ignore``.
    """
    if values is None:
        return None
    numbers = tuple(values)
    if not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in numbers):
        raise InputError(f"values={values!r}; allowed are integers, one per class")
    if not 2 <= len(numbers) <= IGNORE or len(set(numbers)) < len(numbers):
        raise InputError(f"values={values!r}; allowed are 2 to {IGNORE} different integers")
    if ignore in numbers:
        raise InputError(f"ignore={ignore!r} is among values={values!r}; it must be another number")
    return tuple(int(v) for v in numbers)


def find_classes(
    found: Iterable[int],
    where: str,
    values: Sequence[int] | None = None,
    instances: bool = False,
    ignore: int | None = None,
    threshold: int | None = None,
) -> Classes:
    """The classes for masks that contain the numbers ``found``.

    By default the values are those found, in increasing order. 33 or more are refused, because they
    are probably instance numbers, or the blurred edges of a resized mask.

    Raises
    ------
    InputError
        If all masks together have only one class or too many numbers to be classes, ``values`` is
        not valid, or two of ``values``, ``instances`` and ``threshold`` are given.
    """
    ways = (values is not None, instances, threshold is not None)
    if sum(ways) > 1:
        raise InputError(
            "values=, instances=True and threshold= exclude each other: masks contain classes, or "
            "numbered objects, or one object with smooth edges"
        )
    if threshold is not None and (
        isinstance(threshold, bool) or not isinstance(threshold, (int, np.integer))
    ):
        raise InputError(f"threshold={threshold!r}; allowed is a whole number")
    numbers = sorted(set(found) - {ignore})
    listed = check_values(values, ignore)
    if not any(ways) and len(numbers) > _MOST_FOUND:
        raise InputError(
            f"{where}: the masks contain {len(numbers)} different values "
            f"({shortened(list(map(str, numbers)))}); at most {_MOST_FOUND} are taken as classes. "
            "Set instances=True if they number objects, threshold=128 (say) if edges are smooth, "
            "or list the classes as values=(0, ...)"
        )
    least = 1 if instances else threshold  # smallest number of the foreground, if set
    present = set(numbers) if least is None else {number >= least for number in numbers}
    if len(present) < 2:
        only = "belongs to an object" if threshold is None else _side(numbers, threshold)
        only = f"is {numbers[0]}" if len(numbers) == 1 else only
        raise InputError(
            f"{where}: only one class in all masks (every pixel {only if numbers else 'ignored'}); "
            "at least two are needed"
        )
    chosen = listed or tuple(numbers) if least is None else (0, 1)
    return Classes(chosen, instances, ignore, None if threshold is None else int(threshold))


def _side(numbers: Sequence[int], threshold: int) -> str:
    below = bool(numbers) and numbers[0] < threshold
    return f"is {'below' if below else 'above or at'} threshold={threshold}"
