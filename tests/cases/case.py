"""The record that every case is: a problem together with its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A total variation flow problem whose answer is known without any solver of this library.

    ``exact[k]`` is the exact flow of ``image`` at ``times[k]``: exact in time, on this pixel
    grid, for the functional that ``options`` (keywords of ``steepest.tv_flow``) describes.
    ``uncertainty`` bounds the L2 distance between ``exact[k]`` and the truth; it is zero for
    closed forms, and is to be added to what an assertion allows.
    """

    name: str
    image: Array
    times: Array
    exact: Array
    options: Mapping[str, Any] = field(default_factory=dict)
    extinction: float | None = None
    uncertainty: float = 0.0
    eigenfunction: bool = False
    """True where the flow moves in one direction only, so that time steps of any size are exact."""

    def __post_init__(self) -> None:
        expected = (len(self.times), *self.image.shape)
        if self.exact.shape != expected:
            raise ValueError(f"{self.name}: exact has shape {self.exact.shape}, not {expected}")

    def __str__(self) -> str:
        return self.name
