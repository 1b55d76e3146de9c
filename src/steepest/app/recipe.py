"""The settings of an equaliser, and the Python code and the command line that apply them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.numbers import check_number
from ..io import Image, from_float
from ..spectral import Decomposition
from .source import Source, result_name

MOST_BANDS = 32
LARGEST_GAIN = 100.0


@dataclass(frozen=True)
class Recipe:
    """Edges between bands (times), one gain per band, and the gain of the residual.

    Raises
    ------
    InputError
        If the edges do not increase from above 0, if the number of gains is not that of the bands,
        or if a gain is not a number of magnitude up to 100.
    """

    edges: tuple[float, ...]
    gains: tuple[float, ...]
    residual_gain: float = 1.0

    def __post_init__(self) -> None:
        for name in ("edges", "gains"):
            given = getattr(self, name)
            if not isinstance(given, (list, tuple)) or len(given) > MOST_BANDS:
                raise InputError(f"{name}={given!r:.99}; allowed are up to {MOST_BANDS} numbers")
        edges = tuple(check_number(each, "edges", positive=True) for each in self.edges)
        gains = tuple(_gain(each, "gains") for each in self.gains)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "gains", gains)
        object.__setattr__(self, "residual_gain", _gain(self.residual_gain, "residual_gain"))
        if any(b <= a for a, b in zip(self.edges[:-1], self.edges[1:], strict=True)):
            raise InputError(f"edges={list(self.edges)} must increase")
        if len(self.gains) != len(self.edges) + 1:
            raise InputError(f"{len(self.gains)} gains for {len(self.edges) + 1} bands")

    @classmethod
    def from_request(cls, args: Mapping[str, Any]) -> Recipe:
        """Return the recipe of the arguments of a request."""
        return cls(args.get("edges", ()), args.get("gains", ()), args.get("residual_gain", 1.0))

    def as_json(self) -> dict[str, Any]:
        """Return the arguments of a request for this recipe; `from_request` is the inverse."""
        edges, gains = list(self.edges), list(self.gains)
        return {"edges": edges, "gains": gains, "residual_gain": self.residual_gain}

    def apply(self, decomposition: Decomposition, image: Image) -> Image:
        """Return the image with these gains, in the dtype of ``image`` and with its alpha."""
        gains = np.array(self.gains)
        result = decomposition.recompose(
            lambda t: gains[np.searchsorted(self.edges, t, side="right")], self.residual_gain
        )
        result = result + self.grey(image)
        return image.with_parts([from_float(result, image.array.dtype)])

    def grey(self, image: Image) -> np.float32:
        """What is added to the sum of the bands: without the mean, zero is mid-grey."""
        return np.float32(0.5 * (self.residual_gain == 0 and image.array.dtype.kind == "u"))

    def python(self, source: Source, flow: dict[str, Any]) -> str:
        """Return Python code that computes what `apply` does."""
        shift = ""
        if self.residual_gain == 0:
            shift = (
                'if image.array.dtype.kind == "u":\n'
                "    result = result + np.float32(0.5)  # without the mean, zero is mid-grey\n"
            )
        end = "result = io.from_float(result, image.array.dtype)\n"
        if source.image.format:
            end = (
                "result = image.with_parts([io.from_float(result, image.array.dtype)])\n"
                f"io.write_image({result_name(source.image)!r}, result)\n"
            )
        keywords = ", ".join(f"{key}={value!r}" for key, value in flow.items())
        return (
            f"{source.python('spectral', numpy=True)}"
            "decomposition = spectral.decompose(\n"
            f"    image.array, channel_axis=image.channel_axis, {keywords}\n"
            ")\n"
            f"edges = {list(self.edges)}\n"
            f"gains = np.array({list(self.gains)})\n"
            "result = decomposition.recompose(\n"
            '    lambda t: gains[np.searchsorted(edges, t, side="right")],'
            f" residual_gain={self.residual_gain}\n"
            ")\n"
            f"{shift}{end}"
        )

    def command(self, source: Source, flow: dict[str, Any]) -> str | None:
        """Return the ``steepest`` command that computes what `apply` does, if it can."""
        words = [f"--edges={_join(self.edges)}"] if self.edges else []
        words += [f"--gains={_join(self.gains)}", f"--residual-gain={self.residual_gain!r}"]
        if "t_max" in flow:
            words.append(f"--t-max={flow['t_max']!r}")
        words += [f"--steps={flow['steps']}", "-o", f"./{result_name(source.image)}"]
        return source.command("filter", *words)


def _gain(value: Any, name: str) -> float:
    return check_number(value, name, least=-LARGEST_GAIN, most=LARGEST_GAIN)


def _join(values: tuple[float, ...]) -> str:
    return ",".join(map(repr, values))
