"""Pictures of docs/manifold.md, on the bundled measurements and a phantom of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest import CombinedTotalVariation, io, manifold, plot

BOTH_ORDERS = CombinedTotalVariation(alpha=0.3, beta=1.0)
CUBIC = manifold.Rotations(symmetry="m-3m")


def phases() -> Any:
    """A radar interferogram with both orders."""
    phase = io.sample("interferogram")
    first = manifold.denoise(phase, 0.8, "circle").image
    second = manifold.denoise(phase, 1.0, "circle", BOTH_ORDERS).image
    images = {"measured": phase, "strength 0.8": first, "alpha 0.3, beta 1": second}
    return plot.side_by_side(plot.phase_map, images)[0]


def orientations() -> Any:
    """The grains of the nickel superalloy."""
    given = io.read_orientations("sample:nickel").quaternions
    clean = manifold.denoise(given, np.radians(0.5), CUBIC).image
    images = {"measured": given, "denoised": clean}
    return plot.side_by_side(plot.orientation_map, images, symmetry="m-3m")[0]


def misorientations() -> Any:
    """Mean misorientation to the neighbours in the grain."""
    given = io.read_orientations("sample:nickel")
    clean, _ = manifold.denoise_grains(given, np.radians(0.5))
    angles = [manifold.misorientations(each) for each in (given, clean)]
    inside = [each < 5 for each in angles[0]]
    before, after = (manifold.mean_misorientation(each, inside) for each in angles)
    images, most = {"measured": before, "denoised": after}, np.nanpercentile(before, 98)
    return plot.side_by_side(plot.misorientation_map, images, most=most)[0]


def tensors() -> Any:
    """A phantom of tensors: a ring of fibres in nearly round tissue."""
    noisy = noisy_tensors()
    clean = manifold.denoise(noisy, 0.35, "spd").image
    return plot.side_by_side(plot.tensor_glyphs, {"noisy": noisy, "denoised": clean})[0]


def noisy_tensors(size: int = 32) -> np.ndarray:
    """Tensors (size, size, 3, 3) with noise of the affine-invariant metric."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    along = np.stack([-np.sin(angle), np.cos(angle), 0 * x], -1)
    ring = ((radius > 0.45) & (radius < 0.85))[..., None, None]
    bundle = (np.abs(x - y) < 0.2)[..., None, None] & (radius < 0.45)[..., None, None]
    across = np.broadcast_to(np.array([0.45, 0.45, 0.77]), along.shape)
    fibre = np.where(bundle[..., 0], across, along)
    outer = fibre[..., :, None] * fibre[..., None, :]
    truth = np.where(ring | bundle, 0.3 * np.eye(3) + 1.7 * outer, 0.7 * np.eye(3))
    symmetric = random.standard_normal((size, size, 3, 3))
    symmetric = 0.18 * (symmetric + symmetric.swapaxes(-1, -2))
    values, vectors = np.linalg.eigh(truth)
    root = (vectors * np.sqrt(values)[..., None, :]) @ vectors.swapaxes(-1, -2)
    values, vectors = np.linalg.eigh(symmetric)
    noise = (vectors * np.exp(values)[..., None, :]) @ vectors.swapaxes(-1, -2)
    return root @ noise @ root
