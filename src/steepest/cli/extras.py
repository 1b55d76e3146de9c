"""Check for packages that only some commands need."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from steepest.core.lazy import import_extra

_MODULES = {
    "torch": ("torch", "safetensors"), "compression": ("constriction",), "plot": ("matplotlib",),
    "app": ("starlette", "uvicorn"), "dask": ("distributed",),
}  # fmt: skip


def need(what: str, extra: str, modules: Sequence[str] = ()) -> None:
    """Raise `InputError` unless the ``modules`` of an ``extra`` of this package are installed."""
    for name in modules or _MODULES[extra]:
        import_extra(name, f"{what} needs", f"'steepest[{extra}]'")


def need_figures() -> None:
    """Check for matplotlib, which draws the figures."""
    need("drawing figures", "plot")


def new_figure(**options: Any) -> Any:
    """A figure of matplotlib that no window shows."""
    from matplotlib.figure import Figure

    return Figure(**options)


def draw_figure(
    plot: str | Callable[..., Any], *arguments: Any, size: Any = None, **options: Any
) -> Any:
    """The figure that a function draws, or `steepest.plot`'s; into axes, if it has a ``size``."""
    draw = getattr(import_module("steepest.plot"), plot) if isinstance(plot, str) else plot
    figure = new_figure(figsize=size, layout="constrained" if size else None)
    draw(*arguments, **({"ax": figure.subplots()} if size else {"figure": figure}), **options)
    return figure
