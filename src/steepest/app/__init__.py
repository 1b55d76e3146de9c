"""An equaliser for images, in the browser (``steepest app``) and in notebooks (`equaliser`)."""

from ..core.lazy import lazily

_WHERE = {"Session": "session", "equaliser": "notebook", "serve": "local"}

__all__ = ["Session", "equaliser", "serve"]

__getattr__, __dir__ = lazily(__name__, _WHERE)
