"""The equaliser in notebooks, as a widget (anywidget). It uses the same page as the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

try:
    import anywidget
    import traitlets
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"steepest.app.equaliser needs {error.name}: pip install 'steepest[notebook]'",
        name=error.name,
    ) from None

from ..core.arrays import as_array, normalize_axis
from ..core.errors import InputError
from ..core.limits import MAX_PIXELS
from ..io import Image
from ..io.image import assemble
from .files import equaliser_text
from .session import Session


def equaliser(
    image: Any, *, channel_axis: int | None = None, max_pixels: int = MAX_PIXELS
) -> Equaliser:
    """Show an equaliser for an image in a notebook.

    Parameters
    ----------
    image : array (H, W) or with a channel axis of length 1, 3 or 4, or steepest.io.Image
        The image. A fourth channel is transparency, which is kept.
    channel_axis : int, optional
        The axis of the channels of an array; None for a grey image.
    max_pixels : int
        The largest number of pixels times channels.

    Returns
    -------
    Equaliser
        A widget. `Equaliser.result` returns the image for the current sliders.

    Raises
    ------
    InputError
        If the image is not a grey or RGB image, or is too large.
    ModuleNotFoundError
        If anywidget is not installed (``pip install "steepest[notebook]"``).

    Examples
    --------
    >>> widget = steepest.app.equaliser(photo, channel_axis=-1)        # doctest: +SKIP
    >>> widget                                                         # doctest: +SKIP
    >>> sharper = widget.result()                                      # doctest: +SKIP
    """
    if not isinstance(image, Image):
        image = _image_of(as_array(image, "image"), channel_axis)
    return Equaliser(Session(image, max_pixels=max_pixels))


class Equaliser(anywidget.AnyWidget):
    """The widget. Pixels are sent as messages and are not part of the saved notebook."""

    _esm = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: Session) -> None:
        super().__init__(_esm=equaliser_text("widget.js"))
        self._session = session
        self.on_msg(self._receive)

    def result(self) -> np.ndarray:
        """Return the image for the current sliders, in the dtype of the image given.

        This waits until the flow has ended. Transparency is not included.

        Raises
        ------
        InputError
            If the flow was cancelled or failed.
        """
        return self._session.result().array

    @property
    def settings(self) -> dict[str, Any]:
        """The current edges, gains and residual gain."""
        return self._session.settings

    def close(self) -> None:
        """Stop the flow and remove the widget."""
        self._session.close()
        super().close()

    def _receive(self, _: Any, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        number = message.get("id")
        try:
            raw = [bytes(each) for each in buffers]
            answer, data = self._session.handle(message.get("op", ""), message.get("args"), raw)
        except InputError as error:
            self.send({"id": number, "error": str(error)})
        else:
            self.send({"id": number, "answer": answer}, data)


def _image_of(array: np.ndarray, channel_axis: int | None) -> Image:
    array = np.asarray(array)
    if array.dtype in (np.bool_, np.float16):
        array = array.astype(np.float32)
    axis = normalize_axis(channel_axis, array.ndim, "channel_axis")
    if array.ndim != 2 + (axis is not None):
        raise InputError(
            f"image of shape {array.shape} with channel_axis={channel_axis}; the equaliser takes "
            "a grey image, or an RGB image with channel_axis=-1"
        )
    if axis is None:
        return assemble(array, "YX", "image", "")
    array = np.moveaxis(array, axis, -1)
    return assemble(array, "YXC", "image", "", int(array.shape[-1] == 4))
