"""Write dots as vector graphics (SVG, PDF), a picture (PNG) or numbers (CSV, NPY)."""

import os
from typing import Any

import numpy as np
from PIL import Image as Picture

from steepest.core.errors import InputError
from steepest.core.lazy import import_extra
from steepest.core.limits import MAX_PIXELS, check_size
from steepest.core.numbers import check_flag, check_number, check_numbers

from .outputs import OutputSet, open_output
from .paths import check_kind


def write_dots(
    path: str | os.PathLike[str],
    points: np.ndarray,
    shape: tuple[int, int],
    radius: float | np.ndarray,
    *,
    light: bool = False,
    scale: float = 4.0,
    width: float | None = None,
    overwrite: bool = False,
    outputs: OutputSet | None = None,
) -> None:
    """Write dots in the format given by the file suffix; completely or not at all.

    SVG and PDF files hold circles, in the order of the points. PNG files hold smooth grey discs.
    PDF and PNG files are drawn by matplotlib (``pip install "steepest[plot]"``).
    CSV files (``x,y``) and NPY files (row, column) hold the positions in pixels, unchanged, and the
    radius as a third column if the dots have several.

    Parameters
    ----------
    path : str or path
        Name ending in .svg, .pdf, .png, .csv or .npy.
    points : array (N, 2)
        Positions (row, column) in pixels of the image; pixel centres are integers.
    shape : (H, W)
        Shape of the image.
    radius : float or array (N,)
        Radius of the dots, or of each dot, in pixels of the image.
    light : bool
        White dots on black, instead of black dots on white.
    scale : float
        Pixels of the PNG file along one pixel of the image.
    width : float, optional
        Width of the SVG or PDF page in millimetres (default: one point, 0.353 mm, per pixel).
    overwrite, outputs
        As in `write_image`.

    Raises
    ------
    InputError
        If an argument is out of range, or the file exists and ``overwrite`` is False.
    """
    suffix = check_kind(path, "dots")
    where = check_numbers(points, "points")
    if where.ndim != 2 or where.shape[1] != 2:
        raise InputError(f"points of shape {where.shape}; allowed is (N, 2)")
    size = check_numbers(radius, "radius")
    if size.shape not in ((), (len(where),)) or not (size > 0).all():
        raise InputError(f"radius={radius!r}; allowed are a positive number, or one for each point")
    table = where if size.ndim == 0 else np.column_stack([where, size])
    sizes = np.broadcast_to(size, len(where))
    flag = check_flag(light, "light")
    factor = check_number(scale, "scale", least=0.01, most=1000)
    page = shape[1] * 25.4 / 72 if width is None else check_number(width, "width", positive=True)
    unit, sides = page / 25.4 * 72 / shape[1], tuple(max(round(n * factor), 1) for n in shape)
    if suffix in (".pdf", ".png"):
        import_extra("matplotlib", f"{suffix[1:].upper()} files need", "'steepest[plot]'")
    if suffix == ".png":
        check_size(sides, MAX_PIXELS, "the PNG file")
    with open_output(path, overwrite, outputs) as file:
        if suffix == ".svg":
            file.write(_svg(where, shape, sizes, flag, page))
        elif suffix == ".pdf":
            from matplotlib.backends.backend_pdf import FigureCanvasPdf

            drawn = _figure(where, sizes, flag, (shape[0] * unit, shape[1] * unit), unit)
            FigureCanvasPdf(drawn).print_pdf(file, metadata={"CreationDate": None})
        elif suffix == ".png":
            from matplotlib.backends.backend_agg import FigureCanvasAgg

            canvas = FigureCanvasAgg(_figure(where, sizes, flag, sides, factor))
            canvas.draw()
            Picture.fromarray(np.asarray(canvas.buffer_rgba())[..., 0]).save(file, "PNG")
        elif suffix == ".csv":
            names = "x,y" if size.ndim == 0 else "x,y,radius"
            table = np.column_stack([where[:, ::-1], table[:, 2:]])
            np.savetxt(file, table, "%.10g", ",", header=names, comments="")
        else:
            np.save(file, table)


def _svg(
    points: np.ndarray, shape: tuple[int, int], radii: np.ndarray, light: bool, width: float
) -> bytes:
    rows, columns = shape
    circles = "\n".join(
        f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{radius:.4g}"/>'
        for (y, x), radius in zip(points + 0.5, radii, strict=True)
    )
    ink, paper = "black", ""
    if light:
        ink, paper = "white", f'<rect width="{columns}" height="{rows}" fill="black"/>\n'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.6g}mm" '
        f'height="{width * rows / columns:.6g}mm" viewBox="0 0 {columns} {rows}">\n'
        f'{paper}<g fill="{ink}">\n{circles}\n</g>\n</svg>\n'
    ).encode()


def _figure(
    points: np.ndarray, radii: np.ndarray, light: bool, sides: tuple[float, ...], unit: float
) -> Any:
    """Discs on a page of (height, width), with so many of these units along a pixel; 72 an inch."""
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure

    ink, paper = ("white", "black") if light else ("black", "white")
    (tall, wide), across = sides, 2 * (radii if len(np.unique(radii)) > 1 else radii[:1])
    figure = Figure(figsize=(wide / 72 + 1e-6, tall / 72 + 1e-6), dpi=72, facecolor=paper)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide / unit), ylim=(tall / unit, 0))
    axes.set_axis_off()
    discs = EllipseCollection(
        across, across, np.zeros(1), units="xy", offsets=points[:, ::-1] + 0.5,
        offset_transform=axes.transData, facecolors=ink, linewidths=0,
    )  # fmt: skip
    axes.add_collection(discs)
    return figure
