"""The certificate's sums in float32: never below the float64 evaluation, and close to it."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from steepest.convex.certificate import upper_sums
from steepest.convex.compiled.dual import CompiledDual
from steepest.convex.total_variation import TotalVariation

IMAGES = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "checkerboard": lambda rng, shape: np.indices(shape).sum(0) % 2.0,
    "spikes": lambda rng, shape: (rng.random(shape) < 0.05) * rng.normal(size=shape) * 10,
    "steps": lambda rng, shape: np.indices(shape)[0] // 3 * rng.random(),
    "far from zero": lambda rng, shape: 1e4 + rng.normal(size=shape),
    "flat but for one": lambda rng, shape: np.ones(shape) + (np.arange(shape[-1]) == 0) * 1e-3,
}


@settings(deadline=None, max_examples=250)
@given(
    st.sampled_from(sorted(IMAGES)),
    st.integers(0, 2**32 - 1),
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 70)),
        st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 20)),
    ),
    st.integers(1, 4),
    st.booleans(),
    st.floats(-3, 3),
    st.floats(-4, 1),
    st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (0.2, 0.7, 0.4)]),
    st.integers(1, 60),
    st.integers(1, 2),
)
def test_never_below_double(
    kind: str,
    seed: int,
    shape: tuple[int, ...],
    channels: int,
    isotropic: bool,
    contrast: float,
    length: float,
    spacing: tuple[float, float, float],
    num_iter: int,
    num_threads: int,
) -> None:
    """Gap and integral along the segment to the *stored* image, residual, energies."""
    rng = np.random.default_rng(seed)
    channel = (10**contrast * IMAGES[kind](rng, shape)).astype(np.float32)
    f = np.stack([channel, *(rng.permutation(channel) for _ in range(channels - 1))])
    norm = "isotropic" if isotropic else "anisotropic"
    energy = TotalVariation(norm=norm, spacing=spacing[: len(shape)])
    tau = 10 ** (contrast + length)
    dual = CompiledDual(f, energy, num_threads)
    dual.set_step(tau)
    dual.iterate(np.linspace(0, 0.8, num_iter))
    terms = dual._measured_in_single()
    event(f"{kind}: {'refused' if terms is None else 'given'}")
    if terms is None:
        return
    u0, u1 = f.astype(np.float64), dual.image.astype(np.float64)
    p = energy.feasible(dual.flux)
    residual = np.linalg.norm(u1 - (u0 - tau * energy.adjoint(p)))
    (_, before), (_, halfway), (value, after) = (
        energy.slack(u, p, None) for u in (u0, (u0 + u1) / 2, u1)
    )
    gap = tau * after + 0.5 * residual**2
    integral = 0.5 * tau * (before + 2 * halfway + after)
    assert gap <= terms.gap <= 1.02 * gap
    assert integral <= terms.integral <= 1.02 * integral + 2 * terms.allowance
    assert residual <= terms.residual * (1 + 1e-12)
    assert terms.value == pytest.approx(value, rel=1e-5)
    assert terms.dual_energy == pytest.approx(0.5 * np.sum(u1**2), rel=1e-12)


def test_refused_where_rounding_would_show() -> None:
    """A slack of a few float32 roundings of J cannot be told from rounding."""
    sums = np.array([1.0, 1e-5, 1e-5, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    assert upper_sums(1.0, 1.0, sums, 256, 2, 256**2) is None
    sums[1:3] = 1e-2
    slack, segment = upper_sums(1.0, 1.0, sums, 256, 2, 256**2)
    assert 1e-2 < slack < 1.01e-2
    assert 1e-2 < segment < 1.01e-2
    sums[4] = np.inf
    assert upper_sums(1.0, 1.0, sums, 256, 2, 256**2) is None
