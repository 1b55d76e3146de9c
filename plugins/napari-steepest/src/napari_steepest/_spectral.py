"""The jobs by scale: flow and bands. Neither Qt nor napari is imported here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import steepest
from steepest import InputError

from ._jobs import OnStep, Outcome, in_words, notes_of, sentence, solve_frames
from ._large import by_tiles
from ._source import Source, luminance

_LOOK = 2**22  # pixels from which the contrast of a band is found


def flow(
    source: Source, *, times: str = "0.1", target: Path | None = None, on_step: OnStep
) -> Outcome:
    """The total variation flow at ``times``, numbers separated by commas.

    The layer has the times as its first axis.
    """
    try:
        wanted = [float(word) for word in times.replace(",", " ").split()]
    except ValueError:
        raise InputError(f"Times: {times} are not numbers separated by commas.") from None

    def solve(frame: Any, _: Any, **options: Any) -> Any:
        return steepest.tv_flow(frame, wanted, **options)

    results, data = solve_frames(
        source, target, solve, on_step, "images", first=True, times=len(wanted)
    )
    bounds = np.min([result.psnr_bound() for result in results], axis=0)
    notes = notes_of(results, times=wanted, psnr_bound=bounds.tolist())
    name = f"flow, t {in_words(wanted)}"
    layer = source.layer(data, name, first="flow time", **source.look, metadata=notes)
    words = f"times {', '.join(f'{t:g}' for t in wanted)}, certified PSNR ≥ {bounds.min():.1f} dB"
    return [layer], sentence(words, results, target)


def decompose(
    source: Source, *, num_bands: int = 5, num_steps: int = 60, t_max: float = 0.0,
    target: Path | None = None, on_step: OnStep,
) -> Outcome:  # fmt: skip
    """Split into bands, from fine and faint to large and strong, and a residual.

    All frames share the band edges of the first. The residual comes first, the finest band last,
    on top. Its layer keeps the bands for `equalise`, because napari shows those of colours as
    luminance. ``t_max`` 0 is the time at which the image is flat; tile by tile, it is 1 for pixels
    of length 1. Tile by tile, nothing is kept for `equalise`.
    """
    bands: list[Any]
    rest: Any
    if target is not None:
        t_max = t_max or (source.pixel_size[0] if source.spacing else 1.0)
    if target is None:
        parts = []
        flows: list[Any] = []
        for split in _splits(source, num_bands, num_steps, on_step, t_max=t_max or None):
            parts.append((split.bands, split.residual))
            flows.append(split.flow)
            edges = split.edges
        bands = [source.stack([part[0][k] for part in parts]) for k in range(edges.size - 1)]
        rest = source.stack([part[1] for part in parts])
    else:
        how: dict[str, Any] = {"bands": num_bands, "steps": num_steps, "t_max": t_max}

        def solve(frame: Any, _: Any, **options: Any) -> Any:
            split = steepest.spectral.decompose(frame, **how, **options)
            inner = split.edges[1:-1].copy()
            unused = np.isinf(inner)  # the sample has fewer structures than bands
            inner[unused] = split.nodes[-1] * (1 + np.arange(1, unused.sum() + 1))
            how.update(bands=inner)
            return split

        dtype = np.float64 if source.array.dtype == np.float64 else np.float32
        splits, levels = by_tiles(
            source, target, solve, on_step, parts=num_bands + 1, dtype=dtype
        )  # fmt: skip
        flows, edges = [split.flow for split in splits], splits[0].edges
        *bands, rest = ([level[k] for level in levels] for k in range(num_bands + 1))
    edges = np.minimum(edges, t_max or np.inf)  # what vanishes later is in the residual
    bound = min(float(np.min(flow.psnr_bound())) for flow in flows)
    notes = notes_of(flows, edges=edges.tolist(), psnr_bound=bound)
    kept = {**notes["steepest"], "of": source.name}
    if target is None:
        kept |= {"bands": bands, "residual": rest}
    look: dict[str, Any] = {"visible": False, "metadata": {"steepest": kept}}
    layers = [source.layer(rest, "residual", **look)]
    for k in reversed(range(len(bands))):
        shown: Any = bands[k]
        if source.rgb:
            shown = luminance(shown) if target is None else [luminance(x) for x in shown]
        top = _typical(shown)
        look = {"visible": k == 0, "colormap": "PiYG", "contrast_limits": (-top, top)}
        name = f"band {k + 1}, {interval(edges, k)}"
        layers.append(source.layer(shown, name, rgb=False, **look, metadata=notes))
    until = f" up to t {t_max:.3g}" * bool(t_max)
    words = f"{len(bands)} bands{until} and a residual, certified PSNR ≥ {bound:.1f} dB"
    return layers, sentence(words, flows, target)


def _typical(shown: Any) -> float:
    """A magnitude that few pixels of an array or pyramid exceed, and not 0."""
    fine = shown[0] if isinstance(shown, list) else shown
    step = math.ceil(math.sqrt(fine.size / _LOOK))
    return float(np.percentile(np.abs(np.asarray(fine[..., ::step, ::step])), 99.5)) or 1.0


def _splits(
    source: Source, num_bands: int, num_steps: int, on_step: OnStep, *, t_max: float | None = None,
) -> Iterator[Any]:  # fmt: skip
    """The decompositions of all frames, with the band edges of the first."""
    how: dict[str, Any] = {"bands": num_bands}
    for frame in source.frames():
        split = steepest.spectral.decompose(
            frame, steps=num_steps, t_max=t_max, spacing=source.spacing,
            channel_axis=source.channel_axis, on_step=on_step, **how,
        )  # fmt: skip
        edges = split.edges
        how = {"bands": edges[(edges > 0) & np.isfinite(edges)]}
        yield split


def interval(edges: Sequence[float], k: int) -> str:
    """The times at which the structures of band k vanish."""
    start, stop = edges[k], edges[k + 1]
    return f"t {start:.3g} to {stop:.3g}" if np.isfinite(stop) else f"t > {start:.3g}"


def equalise(kept: dict[str, Any], gains: Sequence[float] | np.ndarray) -> np.ndarray:
    """Add up the bands and the residual that `decompose` kept, each times its gain."""
    out = gains[-1] * kept["residual"]
    for gain, band in zip(gains[:-1], kept["bands"], strict=True):
        out += gain * band
    return np.asarray(out.astype(kept["residual"].dtype, copy=False))
