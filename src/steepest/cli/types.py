"""Types of option values: how words of the command line are parsed, and what is allowed."""

import json
import math
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter


def word(parse: Callable[[str], Any], metavar: str, *, count: int = 1) -> Parameter:
    """A parameter whose ``count`` words are parsed by a function, which may raise ValueError."""

    def convert(hint: Any, tokens: Sequence[Any]) -> Any:
        values = tuple(parse(token.value) for token in tokens)
        return values[0] if count == 1 else values

    return Parameter(converter=convert, n_tokens=count, metavar=metavar, show_choices=False)


def number(text: str) -> float:
    """Parse a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def positive(text: str) -> float:
    """Parse a finite positive number."""
    value = number(text)
    if value <= 0:
        raise ValueError(f"{text} must be positive")
    return value


def density(text: str) -> float:
    """Parse a share of the pixels, above 0 and at most 1."""
    value = positive(text)
    if value > 1:
        raise ValueError(f"{text} is above 1: all pixels")
    return value


def count(text: str, least: int = 1) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{text!r} must be a whole number from {least}")
    return int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Parse numbers separated by commas."""
    return tuple(number(part) for part in text.split(",") if part.strip()) or (number(text),)


def increasing(text: str) -> tuple[float, ...]:
    """Parse positive increasing times separated by commas."""
    values = numbers(text)
    if values[0] <= 0 or any(b <= a for a, b in pairwise(values)):
        raise ValueError(f"{text} must be positive and increase")
    return values


def axis(text: str) -> int | str | None:
    """Parse "auto", "none" (returned as None) or the number of an axis."""
    if text in ("auto", "none"):
        return None if text == "none" else text
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither auto, none nor a number") from None


def json_object(text: str) -> dict[str, Any]:
    """Parse a JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError(f"{text!r} is not a JSON object")
    return value


def one_of(names: Sequence[str]) -> Parameter:
    """A choice of names of functions, which may be written with hyphens for underscores."""
    choices = Parameter(choices=Enum("Choices", list(names)), show_choices=True)
    return Parameter.combine(word(lambda text: text.replace("-", "_"), "NAME"), choices)


Number = Annotated[float, word(number, "X")]
Positive = Annotated[float, word(positive, "X")]
Density = Annotated[float, word(density, "D")]
Count = Annotated[int, word(count, "N")]
FromZero = Annotated[int, word(lambda text: count(text, 0), "N")]
Seed = Annotated[FromZero, Parameter(help="random seed")]
Numbers = Annotated[
    tuple[float, ...], word(numbers, "A,B,.."), Parameter(allow_leading_hyphen=True)
]
Times = Annotated[tuple[float, ...], word(increasing, "T1,T2,..")]
Pair = Annotated[tuple[float, float], word(positive, "T0 T1", count=2)]
Limits = Annotated[tuple[float, float], word(number, "LOW HIGH", count=2)]
JSONObject = Annotated[dict[str, Any], word(json_object, "JSON")]

if TYPE_CHECKING:
    FileName: TypeAlias = str
    Images: TypeAlias = str
    OptionalImages: TypeAlias = str
else:  # strings, which shells complete as they do with files
    FileName = Annotated[Path, word(str, "PATH")]
    _help = "file, folder, quoted glob ('scans/**/*.tif'), or sample:camera"
    OptionalImages = Annotated[FileName, Parameter(name="IMAGE", help=_help)]  # of *images
    Images = Annotated[OptionalImages, Parameter(required=True)]

MORE = Parameter(group="More results (files, or folders for several images)")
MoreFiles = Annotated[FileName | None, MORE]
