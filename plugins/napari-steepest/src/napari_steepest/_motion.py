"""The job of the panel "Motion". Neither Qt nor napari is imported here."""

from __future__ import annotations

import numpy as np

import steepest
from steepest import InputError

from ._jobs import OnStep, Outcome, notes_of, sentence
from ._source import Source

MAGNIFIED = "the motion, magnified"
SHOWN = ("strain and displacement", MAGNIFIED)
_ARROWS = 16  # pixels between vectors
_STRAINS = {"strain yy": (0, 0), "strain xx": (1, 1), "strain xy": (0, 1)}


def motion(
    source: Source, *, reference: Source | None = None, show: str = SHOWN[0],
    max_shift: float = 2.0, factor: float = 10.0, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Strain as images, and displacement as vectors, from ``reference`` or the first frame.

    Or, if ``show`` is `MAGNIFIED`, the motion from the first frame, times ``factor``.
    """
    if source.num_space != 2:
        raise InputError("Motion is found in slices, not in volumes. Choose slices.")
    frames = list(source.grey_frames())
    if show == MAGNIFIED:
        if len(frames) < 2:
            raise InputError(f"{source.name} is one image. A time series is needed.")
        enlarged = steepest.motion.magnify(
            np.stack(frames), factor, max_shift=max_shift, on_step=on_step
        )
        notes = notes_of([enlarged], factor=factor, folds=list(enlarged.folds))
        look = {"rgb": False, **source.look}
        layer = source.layer(source.stack(enlarged.frames), "magnified", **look, metadata=notes)
        return [layer], sentence(f"{sum(enlarged.folds)} triangles turned over", [enlarged])
    first = frames[0] if reference is None else next(reference.grey_frames())
    moved = frames[1:] if reference is None else frames
    if not moved:
        raise InputError(f"{source.name} is one image. Choose another one to compare it with.")
    results = steepest.motion.follow(
        [first, *moved], max_shift=max_shift, spacing=source.spacing, on_step=on_step
    )
    same = [] if reference is not None else [results[0]]  # the first frame has not moved
    notes = notes_of(results, max_shift=max_shift)
    layers = []
    for name, part in _STRAINS.items():
        maps = [0 * each.strain[part] for each in same] + [each.strain[part] for each in results]
        data = source.stack(maps)
        top = float(np.percentile(np.abs(data), 99.5)) or 1.0
        look = {"rgb": False, "colormap": "PiYG", "contrast_limits": (-top, top)}
        visible = name == "strain xx"
        layers.append(source.layer(data, name, **look, visible=visible, metadata=notes))
    steps = np.array(source.spacing or (1.0, 1.0))[:, None, None]
    fields = [0 * each.displacement for each in same] + [each.displacement for each in results]
    fields = [field / steps for field in fields]
    largest = max(float(np.hypot(*field).max()) for field in fields)
    longer = max(round(_ARROWS / largest, 1), 0.1) if largest else 1.0
    look = {
        "edge_width": 0.7, "length": longer, "edge_color": "orange", "vector_style": "arrow",
        "metadata": notes,
    }  # fmt: skip
    layers.append(source.layer(_vectors(source, fields), "displacement", "vectors", **look))
    strains = [float(np.median(each.strain_std[1, 1])) for each in results]
    words = f"displacements up to {largest:.3g} pixels (drawn {longer:g} times as long), standard "
    words += f"deviation of strain xx {max(strains):.1g}"
    return layers, sentence(words, results)


def _vectors(source: Source, fields: list[np.ndarray]) -> np.ndarray:
    """Starts and projections (N, 2, D) of the displacement, every few pixels."""
    half = _ARROWS // 2
    rows = []
    for index, field in zip(np.ndindex(source.lead), fields, strict=True):
        thin = field[:, half::_ARROWS, half::_ARROWS]
        places = np.indices(thin.shape[1:]) * _ARROWS + half
        count = thin[0].size
        pairs = np.zeros((count, 2, len(index) + 2))
        pairs[:, 0, : len(index)] = index
        pairs[:, 0, -2:], pairs[:, 1, -2:] = places.reshape(2, -1).T, thin.reshape(2, -1).T
        rows.append(pairs)
    return np.concatenate(rows)
