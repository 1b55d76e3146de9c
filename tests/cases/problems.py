"""Small random problems for every functional, without a closed form: for ``solve_rof/flow``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .case import Array


@dataclass(frozen=True)
class Problem:
    """An image and the keywords that select a functional."""

    name: str
    image: Array
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def random_problems() -> list[Problem]:
    """One small random image per functional the library offers."""
    rng = np.random.default_rng(11)
    plane = rng.random((7, 6)) + np.pad(np.ones((4, 3)), ((2, 1), (1, 2)))
    line = rng.standard_normal(14)
    volume = rng.random((4, 3, 5))
    colour = rng.random((5, 6, 3)) + rng.random((5, 6, 1))
    weights = rng.uniform(0.3, 2.0, (7, 6))
    masked = weights * (rng.random((7, 6)) > 0.3)
    return [
        Problem("isotropic", plane),
        Problem("anisotropic", plane, {"isotropic": False}),
        Problem("isotropic, spacing", plane, {"spacing": (0.5, 1.5)}),
        Problem("anisotropic, spacing", plane, {"isotropic": False, "spacing": (2.0, 0.7)}),
        Problem("Huber", plane, {"huber": 0.2}),
        Problem("anisotropic Huber", plane, {"huber": 0.2, "isotropic": False}),
        Problem("weighted", plane, {"weights": weights}),
        Problem("weighted anisotropic", plane, {"weights": weights, "isotropic": False}),
        Problem("weights with zeros", plane, {"weights": masked}),
        Problem("weighted Huber", plane, {"weights": weights, "huber": 0.1}),
        Problem("1-D", line),
        Problem("1-D Huber, spacing", line, {"huber": 0.5, "spacing": 2.0}),
        Problem("1-D weighted", line, {"weights": rng.uniform(0.2, 1.0, 14)}),
        Problem("1-D channels", rng.random((2, 9)), {"channel_axis": 0}),
        Problem("3-D", volume),
        Problem("3-D, spacing", volume, {"spacing": (2.0, 1.0, 0.5)}),
        Problem("3-D anisotropic", volume, {"isotropic": False}),
        Problem("3-D weighted Huber", volume, {"huber": 0.3, "weights": rng.random(volume.shape)}),
        Problem("3-D channels", rng.random((3, 4, 2, 3)), {"channel_axis": 2}),
        Problem("colour coupled", colour, {"channel_axis": -1}),
        Problem("colour separate", colour, {"channel_axis": -1, "coupled": False}),
        Problem("colour coupled anisotropic", colour, {"channel_axis": -1, "isotropic": False}),
        Problem("colour coupled Huber", colour, {"channel_axis": 2, "huber": 0.3}),
        Problem("colour first", np.moveaxis(colour, -1, 0), {"channel_axis": 0}),
        Problem(
            "colour weighted, spacing",
            colour,
            {"channel_axis": -1, "weights": rng.uniform(0.1, 1, (5, 6)), "spacing": (1.0, 1.5)},
        ),
    ]
