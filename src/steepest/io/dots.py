"""Write dots as vector graphics (SVG, PDF), a picture (PNG) or numbers (CSV, NPY)."""

import os
from io import BytesIO
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
    if suffix == ".png":
        check_size([max(round(n * factor), 1) for n in shape], MAX_PIXELS, "the PNG file")
    with open_output(path, overwrite, outputs) as file:
        if suffix == ".svg":
            file.write(_svg(where, shape, sizes, flag, page))
        elif suffix == ".pdf":
            _draw(file, where, shape, sizes, flag, "pdf", page / 25.4 / shape[1])
        elif suffix == ".png":
            picture = BytesIO()
            _draw(picture, where, shape, sizes, flag, "png", factor / 72)
            Picture.open(picture).convert("L").save(file, "PNG")
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


def _draw(
    file: Any, points: np.ndarray, shape: tuple[int, int], radii: np.ndarray, light: bool,
    kind: str, side: float,
) -> None:  # fmt: skip
    """Draw discs with matplotlib, on a page with so many inches along a pixel, at 72 per inch."""
    import_extra("matplotlib", f"{kind.upper()} files need", "'steepest[plot]'")
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure

    ink, paper = ("white", "black") if light else ("black", "white")
    (rows, columns), across = shape, 2 * (radii if np.ptp(radii) else radii[:1])
    figure = Figure(figsize=(columns * side + 1e-6, rows * side + 1e-6), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, columns), ylim=(rows, 0))
    axes.set_axis_off()
    discs = EllipseCollection(
        across, across, np.zeros(1), units="xy", offsets=points[:, ::-1] + 0.5,
        offset_transform=axes.transData, facecolors=ink, linewidths=0,
    )  # fmt: skip
    axes.add_collection(discs)
    figure.savefig(file, format=kind, facecolor=paper)
