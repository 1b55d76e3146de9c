"""Write dots as vector graphics (SVG, PDF), a picture (PNG) or numbers (CSV, NPY)."""

import math
import os
import zlib
from itertools import product

import numpy as np
from PIL import Image as Picture

from steepest.core.errors import InputError
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
    vector = {".svg": _svg, ".pdf": _pdf}
    with open_output(path, overwrite, outputs) as file:
        if suffix in vector:
            file.write(vector[suffix](where, shape, sizes, flag, page))
        elif suffix == ".png":
            Picture.fromarray(_grey(where, shape, sizes, flag, factor)).save(file, "PNG")
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


def _pdf(
    points: np.ndarray, shape: tuple[int, int], radii: np.ndarray, light: bool, width: float
) -> bytes:
    """One page. A line of length 0 with round ends is a disc."""
    unit = width / 25.4 * 72 / shape[1]  # PDF points along one pixel
    across, up = shape[1] * unit, shape[0] * unit
    paper = f"0 g 0 0 {across:.6f} {up:.6f} re f 1 G\n" if light else "0 G\n"
    places = zip((points[:, 1] + 0.5) * unit, (shape[0] - 0.5 - points[:, 0]) * unit, strict=True)
    discs = "".join(
        f"{2 * radius * unit:.6f} w {x:.4f} {y:.4f} m {x:.4f} {y:.4f} l S\n"
        for (x, y), radius in zip(places, radii, strict=True)
    )
    content = zlib.compress(f"{paper}1 J\n{discs}".encode())
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {across:.6f} {up:.6f}]/Resources<<>>"
        "/Contents 4 0 R>>".encode(),
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(content), content),
    ]
    data, table = b"%PDF-1.4\n", "0000000000 65535 f \n"
    for number, each in enumerate(objects, 1):
        table += f"{len(data):010} 00000 n \n"
        data += b"%d 0 obj%bendobj\n" % (number, each)
    end = f"xref\n0 5\n{table}trailer<</Size 5/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + end.encode()


def _grey(
    points: np.ndarray, shape: tuple[int, int], radii: np.ndarray, light: bool, scale: float
) -> np.ndarray:
    """The pixels of a picture of smooth discs; those smaller than a pixel are fainter."""
    rows, columns = (max(round(side * scale), 1) for side in shape)
    check_size((rows, columns), MAX_PIXELS, "the PNG file")
    r, centre = radii * scale, (points + 0.5) * scale - 0.5
    corner = np.rint(centre).astype(np.int64)
    far = math.ceil(r.max(initial=0) + 1)
    near = list(product(range(-far, far + 1), repeat=2))

    def cover(offset: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a pixel near each centre, and about how much of it the disc covers."""
        place = corner + offset
        distance = np.hypot(*(place - centre).T)
        return *place.T, np.clip(np.maximum(r, 0.5) + 0.5 - distance, 0, 1)

    area: np.ndarray = sum((cover(each)[2] for each in near), np.zeros(len(points)))
    share = np.minimum(math.pi * r * r / area, 1)
    ink = np.zeros((rows, columns), np.float32)
    for offset in near:
        y, x, part = cover(offset)
        seen = (part > 0) & (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        np.add.at(ink, (y[seen], x[seen]), (part * share)[seen].astype(np.float32))
    ink = np.minimum(ink, 1)
    return np.rint(255 * (ink if light else 1 - ink)).astype(np.uint8)
