"""Pictures of phases, directions, orientations and tensors, with the key to their colours."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from steepest.core.errors import InputError
from steepest.core.numbers import check_number, check_numbers

from .canvas import FAINT, INK, caption, number, panel_aspect, panels
from .checks import escape
from .colours import (
    CORNERS,
    direction_colours,
    fold_to_triangle,
    key_colours,
    key_of,
    orientation_colours,
    phase_colours,
)

_BLANK = (0.93, 0.935, 0.945)  # pixels without a value
_KEY, _ROOM = 1.3, 1.5  # inches: width and height of the key, and what is left free for it
_FINE = 200  # pixels along the side of a key
_NAMES = {
    "m-3m": ("[001]", "[101]", "[111]"),
    "6/mmm": ("[0001]", r"$[2\bar{1}\bar{1}0]$", r"$[10\bar{1}0]$"),
    "-3m": ("[0001]", r"$[1\bar{1}00]$", r"$[10\bar{1}0]$"),
    "4/mmm": ("[001]", "[100]", "[110]"),
    "mmm": ("[001]", "[100]", "[010]"),
}
_MOST_GLYPHS = 4096


def phase_map(
    phases: Any, *, known: Any = None, title: str = "", key: bool = True, ax: Axes | None = None
) -> Axes:
    """Show phases, in radians, by their hue, with a colour ring as the key.

    Parameters
    ----------
    phases
        An image of shape (H, W).
    known
        (H, W) bool: pixels where it is False are grey.
    title
        Text above the image.
    key
        Whether to draw the key, at the right.
    ax
        Where to draw. Default: in a new figure of pyplot.
    """
    return _show_colours(phases, phase_colours, 0, known, title, ax, _ring if key else None)


def direction_map(
    directions: Any,
    *,
    known: Any = None,
    title: str = "",
    key: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Show unit vectors in the plane (H, W, 2) or in space (H, W, 3), with a colour wheel.

    The colours are those of `direction_colours`. In the wheel, x points right and y up. In space,
    there is a wheel for each hemisphere: z > 0, with white in the middle, and z < 0. The other
    parameters are those of `phase_map`.
    """
    wheel = _ring if np.shape(directions)[-1:] == (2,) else _wheels
    return _show_colours(directions, direction_colours, 1, known, title, ax, wheel if key else None)


def orientation_map(
    quaternions: Any,
    symmetry: str = "m-3m",
    *,
    direction: Any = (0, 0, 1),
    known: Any = None,
    title: str = "",
    key: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Show crystal orientations (H, W, 4) by inverse-pole-figure colours, with their triangle.

    The colours, ``symmetry`` and ``direction`` are described at `orientation_colours`; the other
    parameters are those of `phase_map`.
    """
    colours = partial(orientation_colours, symmetry=symmetry, direction=direction)
    triangle = partial(_triangle, key=key_of(symmetry)) if key else None
    return _show_colours(quaternions, colours, 1, known, title, ax, triangle)


def tensor_glyphs(
    tensors: Any, *, step: int | None = None, title: str = "", ax: Axes | None = None
) -> Axes:
    """Show symmetric positive definite tensors (H, W, 2, 2) or (H, W, 3, 3) as ellipses.

    An ellipse is the outline of the ellipsoid whose half-axes are the square roots of the
    eigenvalues, seen along z; x points right and y down. Its colour is the direction of the largest
    eigenvalue (x red, y green, z blue), paler the rounder the tensor is.

    Parameters
    ----------
    step
        Draw every ``step``-th tensor along each axis. Default: as many as can be told apart.
    title, ax
        See `phase_map`.
    """
    image = check_numbers(tensors, "tensors")
    if image.ndim != 4 or image.shape[2:] not in ((2, 2), (3, 3)) or image.size == 0:
        raise InputError(
            f"tensors of shape {image.shape}; allowed are (H, W, 2, 2) and (H, W, 3, 3)"
        )
    if not np.allclose(image, image.swapaxes(-1, -2), rtol=1e-6, atol=1e-9 * np.abs(image).max()):
        raise InputError("tensors are not symmetric")
    if not (np.linalg.eigvalsh(image)[..., 0] > 0).all():
        raise InputError("tensors have eigenvalues that are not positive")
    axes = _bare_axes(ax, image, title)
    axes.add_collection(_ellipses(axes, image, step))
    height, width = image.shape[:2]
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    return axes


def misorientation_map(
    angles: Any,
    *,
    most: float | None = None,
    title: str = "",
    key: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Show angles in degrees, such as those between neighbouring orientations, with their scale.

    Parameters
    ----------
    angles
        (H, W). NaN is grey.
    most
        Angle at the bright end of the scale. Default: the 98th percentile.
    title, key, ax
        See `phase_map`.
    """
    values = np.asarray(angles, np.float64)
    if values.ndim != 2 or values.size == 0 or np.isinf(values).any():
        raise InputError(f"angles of shape {values.shape}; allowed are finite values (H, W)")
    finite = values[np.isfinite(values)]
    top = check_number(most, "most", positive=True) if most is not None else 0.0
    top = top or (float(np.percentile(finite, 98)) if finite.size else 0.0) or 1.0
    axes = _bare_axes(ax, values, title)
    cmap = colormaps["magma"].with_extremes(bad=_BLANK)
    shown = axes.imshow(
        np.ma.masked_invalid(values), cmap=cmap, vmin=0, vmax=top, interpolation="nearest"
    )
    if key:
        place = axes.inset_axes((1.03, 0.6, 0.03, 0.4))
        bar = axes.figure.colorbar(
            shown, cax=place, format=lambda value, _: f"{number(value)}\u00b0"
        )
        bar.outline.set_visible(False)  # type: ignore[operator]
        bar.ax.tick_params(colors=INK, labelsize=7.5, length=0)
    return axes


def side_by_side(
    draw: Callable[..., Axes],
    images: Mapping[str, Any],
    *,
    title: str = "",
    figure: Figure | None = None,
    **options: Any,
) -> list[Axes]:
    """Draw several images with one function, in panels with their captions.

    >>> plot.side_by_side(plot.phase_map, {"measured": f, "denoised": u})    # doctest: +SKIP

    Parameters
    ----------
    draw
        `phase_map`, `direction_map`, `orientation_map`, `tensor_glyphs` or `misorientation_map`.
    images
        The images by their captions.
    title, figure
        See `band_montage`.
    **options
        Passed on to ``draw``; those in a dictionary by caption, each to its image.

    Returns
    -------
    list of Axes
        One for each image.

    Raises
    ------
    InputError
        If there is no image, or ``draw`` refuses one.
    """
    if not isinstance(images, Mapping) or not images:
        raise InputError(f"images={images!r:.99}; allowed are one or more images by their captions")
    first = np.asarray(next(iter(images.values())))
    if first.ndim < 2 or first.size == 0:
        raise InputError(f"images: one of shape {first.shape}; allowed are images (H, W, ...)")
    has_key = draw is not tensor_glyphs
    space: dict[str, Any] = {"figure": figure, "title": title, "right": _ROOM if has_key else 0.0}
    all_axes = panels(len(images), panel_aspect(first), **space)
    for axes, (name, image) in zip(all_axes, images.items(), strict=True):
        own = {k: v[name] if isinstance(v, Mapping) else v for k, v in options.items()}
        if has_key:
            own["key"] = axes is all_axes[-1]
        draw(image, title=name, ax=axes, **own)
    return all_axes


def _bare_axes(axes: Axes | None, image: np.ndarray, title: str) -> Axes:
    """Axes without ticks, with a caption; new ones if there are none."""
    title = escape(title, "title")
    axes = axes or panels(1, panel_aspect(image), right=_ROOM)[0]
    caption(axes, title)
    axes.axis("off")
    return axes


def _show_colours(
    image: Any,
    colours: Callable[[Any], np.ndarray],
    inner: int,
    known: Any,
    title: str,
    axes: Axes | None,
    key: Callable[[Axes], None] | None,
) -> Axes:
    """Show an image whose pixels have ``inner`` axes by its colours, with a key on the right."""
    values = check_numbers(image, "image")
    if values.ndim != 2 + inner or values.size == 0:
        shape = "(H, W)" if not inner else "(H, W, k)"
        raise InputError(f"image of shape {values.shape}; allowed is {shape}")
    picture = np.clip(colours(values), 0, 1)
    if known is not None:
        mask = np.asarray(known)
        if mask.shape != values.shape[:2] or mask.dtype != bool:
            raise InputError(f"known of shape {mask.shape}; allowed is bool {values.shape[:2]}")
        picture = np.where(mask[..., None], picture, _BLANK)
    axes = _bare_axes(axes, picture, title)
    axes.imshow(picture, interpolation="nearest", aspect="equal")
    if key is not None:
        width, height = axes.bbox.width / axes.figure.dpi, axes.bbox.height / axes.figure.dpi
        side = min(_KEY, width, height)
        place = axes.inset_axes(
            (1 + (_ROOM - _KEY) / width, 1 - side / height, side / width, side / height)
        )
        place.axis("off")
        place.set_aspect("equal")
        key(place)
    return axes


def _show_key(axes: Axes, colours: np.ndarray, share: np.ndarray, extent: Any) -> None:
    """Show a part of a key where ``share`` is 1."""
    picture = np.concatenate([colours, np.clip(share, 0, 1)[..., None]], -1)
    axes.imshow(picture, extent=extent, interpolation="bilinear")


def _ring(axes: Axes) -> None:
    """Draw a ring of hues with the angles."""
    y, x = np.mgrid[1.3 : -1.3 : _FINE * 1j, -1.3 : 1.3 : _FINE * 1j]
    radius = np.hypot(x, y)
    soft = np.minimum(1 - radius, radius - 0.62) * _FINE / 2.6 + 0.5
    _show_key(axes, phase_colours(np.arctan2(y, x)), soft, (-1.3, 1.3, -1.3, 1.3))
    style: dict[str, Any] = {"color": INK, "fontsize": 7.0, "ha": "center", "va": "center"}
    for k, text in enumerate(("0", "\u03c0/2", "\u00b1\u03c0", "\u2212\u03c0/2")):
        far = 0.38 if k % 2 else 0.36
        axes.text(far * math.cos(k * math.pi / 2), far * math.sin(k * math.pi / 2), text, **style)


def _wheels(axes: Axes) -> None:
    """Draw the colours of both hemispheres; equal areas stand for equal areas."""
    y, x = np.mgrid[1 : -1 : _FINE * 1j, -1 : 1 : _FINE * 1j]
    radius = np.maximum(np.hypot(x, y), 1e-9)
    z = 1 - np.minimum(radius, 1) ** 2
    flat = np.sqrt(np.maximum(1 - z * z, 0)) / radius
    for place, sign, text in ((1.15, 1, "z > 0"), (-1.15, -1, "z < 0")):
        vectors = np.stack([x * flat, y * flat, sign * z], -1)
        extent = (-1, 1, place - 1, place + 1)
        _show_key(axes, direction_colours(vectors), (1 - radius) * 100 + 0.5, extent)
        axes.text(1.1, place, text, color=FAINT, fontsize=7.0, ha="left", va="center")
    axes.set(xlim=(-1.1, 2.2), ylim=(-2.3, 2.3))


def _triangle(axes: Axes, key: str) -> None:
    """Draw the stereographic triangle of the colour key."""
    corners, share = CORNERS[key], np.linspace(0, 1, 40)[:, None]
    ends = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    outline = np.concatenate([_stereographic((1 - share) * a + share * b) for a, b in ends])
    low, high = outline.min(0), outline.max(0)
    y, x = np.mgrid[high[1] : low[1] : _FINE * 1j, low[0] : high[0] : _FINE * 1j]
    square = x * x + y * y
    vectors = np.stack([2 * x, 2 * y, 1 - square], -1) / (1 + square[..., None])
    colours = np.clip(key_colours(fold_to_triangle(vectors, key), key), 0, 1)
    border = PathPatch(Path(outline, closed=True), facecolor="none", edgecolor=INK, linewidth=0.8)
    axes.add_patch(border)
    _show_key(axes, colours, np.ones(x.shape), (low[0], high[0], low[1], high[1]))
    axes.images[-1].set_clip_path(border)
    margin = 0.2 * max(high - low)
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    middle = outline.mean(0)
    for corner, name in zip(_stereographic(corners), _NAMES[key], strict=True):
        away = (corner - middle) / np.hypot(*(corner - middle))
        place = corner + away * 0.7 * margin
        axes.text(place[0], place[1], name, color=INK, fontsize=7.5, ha="center", va="center")


def _stereographic(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.sqrt((vectors**2).sum(-1, keepdims=True))
    return unit[..., :2] / (1 + unit[..., 2:])


def _ellipses(axes: Axes, image: np.ndarray, step: int | None) -> EllipseCollection:
    height, width = image.shape[:2]
    every = step or max(1, math.ceil(math.sqrt(height * width / _MOST_GLYPHS)))
    rows, columns = np.mgrid[every // 2 : height : every, every // 2 : width : every]
    shown = image[rows, columns].reshape(-1, *image.shape[2:])
    values, vectors = np.linalg.eigh(shown)
    outline, turned = np.linalg.eigh(shown[:, :2, :2])
    size = np.sqrt(outline)
    scale = 0.94 * every / (2 * np.percentile(size[:, 1], 95))
    size = np.minimum(2 * scale * size, 1.4 * every)
    angle = np.degrees(np.arctan2(turned[:, 1, 1], turned[:, 0, 1]))
    ratio, count = values / values.mean(-1, keepdims=True), values.shape[-1]
    sharp = np.sqrt(((ratio - 1) ** 2).sum(-1) / (ratio**2).sum(-1))
    sharp = np.clip(sharp * math.sqrt(count / (count - 1)), 0, 1)[:, None]  # fractional anisotropy
    pure = 0.14 + 0.74 * direction_colours(vectors[..., -1], axial=True)
    colours = 0.82 + (pure - 0.82) * np.minimum(1.3 * sharp, 1)
    return EllipseCollection(
        size[:, 1], size[:, 0], angle, units="xy", offset_transform=axes.transData,
        offsets=np.stack([columns.ravel(), rows.ravel()], -1),
        facecolors=np.clip(colours, 0, 1), edgecolors=np.clip(0.62 * colours, 0, 1), linewidths=0.4,
    )  # fmt: skip
