"""What a tool of the page is: it checks what the page asks for, and returns a computation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.arrays import prepare_image
from ..core.errors import InputError
from ..io import Image
from .source import Source, read_upload
from .wire import to_float16

Args = Mapping[str, Any]
Progress = Callable[[Any], bool]


@dataclass(frozen=True)
class Task:
    """The image that a tool works on, what the page asks for, and the files that it sends along.

    ``limits`` are the values that are shown as black and white.
    """

    source: Source
    limits: tuple[float, float]
    args: Args
    buffers: Sequence[bytes]
    max_pixels: int
    ranking: np.ndarray | None = None  # of all pixels, as soon as it is known

    @property
    def image(self) -> Image:
        """The image, repaired or not."""
        return self.source.image

    def second(self) -> Image:
        """Read the image that the page has sent along; it must have as many channels."""
        second = read_upload(self.args, self.buffers, self.max_pixels)
        if second.array.shape[2:] != self.image.array.shape[2:]:
            kinds = ["in colour" if e.array.ndim == 3 else "grey" for e in (second, self.image)]
            raise InputError(f"{second.name} is {kinds[0]}, and this image is {kinds[1]}")
        return second

    def shown(self, result: np.ndarray) -> bytes:
        """Return an image of the kind of this one as float16 (H, W, C)."""
        values, _ = prepare_image(result, self.image.channel_axis)
        return to_float16(np.moveaxis(values, 0, -1), self.limits)


@dataclass(frozen=True)
class Made:
    """What a computation has made: an answer for the page, and the image that it can download.

    ``what`` describes the image in the name of its file; ``code(args)`` computes it.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    buffers: list[bytes] = field(default_factory=list)
    image: Callable[[Args], Image] | None = None
    what: str = "equalised"
    code: Callable[[Args], dict[str, Any]] = lambda args: {}


Computation = Callable[[Progress], Made]


@dataclass(frozen=True)
class Tool:
    """``start`` checks a task and returns the computation; ``partial``: half of it is of use."""

    start: Callable[[Task], Computation]
    partial: bool = True
