"""Displacements of the frames of a series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.arrays import as_array
from ..core.errors import InputError
from ..core.numbers import check_choice
from ..core.progress import Callback, Reporter
from ..core.status import Status, finished
from .estimation import Displacement, Settings, between
from .strains import strain
from .warping import Spline

AGAINST = ("first", "previous")


def follow(
    frames: Any,
    *,
    against: str = "first",
    measure: str = "infinitesimal",
    on_step: Callback | None = None,
    **options: Any,
) -> list[Displacement]:
    """Return the displacement of each frame of a series, from the first one.

    Parameters
    ----------
    frames : (T, H, W) array, or sequence of (H, W) arrays
        At least two frames.
    against : "first" or "previous"
        "first" (default) compares each frame with the first one, beginning with the displacement of
        the frame before: errors do not add up. "previous" compares neighbours and composes their
        displacements, ``U_t(x) = U_(t-1)(x) + u_t(x + U_(t-1)(x))``, for surfaces that change so
        much that the first frame no longer resembles them; variances add up, and ``residual`` and
        ``gaps`` are those of the last pair.
    measure, on_step
        See `displacement`.
    **options
        Other options of `displacement`, such as ``max_shift``, which is that between neighbours;
        not ``out`` and ``tiles``.

    Returns
    -------
    results : list of `Displacement`
        One for each frame but the first.
    """
    check_choice(against, "against", AGAINST)
    settings = Settings(measure=measure, **options)
    images = list(frames if isinstance(frames, Sequence) else as_array(frames, "frames"))
    if len(images) < 2:
        raise InputError(f"frames: {len(images)} given; at least two are needed")
    reporter, results = Reporter(on_step), list[Displacement]()
    for number, frame in enumerate(images[1:], 1):
        try:
            start = None
            if against == "first" and results:
                start = results[-1].displacement / settings.steps[:, None, None]
            base = images[0 if against == "first" else number - 1]
            found = between(base, frame, settings, reporter, start)
            finished(found, settings.raises)
            if against == "previous" and results:
                found = _composed(results[-1], found, measure)
        except InputError as error:
            raise InputError(f"frame {number}, counted from 0: {error}") from None
        results.append(found)
        if reporter.stopped:
            break
    return results


def _composed(before: Displacement, after: Displacement, measure: str) -> Displacement:
    """The displacement ``before``, followed by ``after``."""
    scale = np.array(before.spacing)[:, None, None]
    u, dtype = before.displacement / scale, before.displacement.dtype

    def there(field: np.ndarray) -> np.ndarray:
        flat = field.reshape(-1, *field.shape[-2:])
        return np.stack([Spline(each, 1).at(u)[0] for each in flat]).reshape(field.shape)

    w, w_after = before.gradient, there(after.gradient)
    gradient = (w + w_after + np.einsum("ckhw,kdhw->cdhw", w_after, w)).astype(dtype)
    finite = [np.where(np.isfinite(x), x, 1e30) for x in (after.displacement_std, after.strain_std)]
    return replace(
        after,
        displacement=(before.displacement + there(after.displacement)).astype(dtype),
        gradient=gradient,
        strain=strain(gradient, measure),
        displacement_std=np.hypot(before.displacement_std, finite[0]).astype(dtype),
        strain_std=np.hypot(before.strain_std, finite[1]).astype(dtype),
        iterations=before.iterations + after.iterations,
        status=Status.worst([before.status, after.status]),
    )
