"""Patch models: fitting, likelihoods, files."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from steepest import InputError, Solver, patches
from steepest.core.progress import Reporter
from steepest.core.solver import limits
from steepest.patches.grid import patches_of
from steepest.patches.kernels import densities
from steepest.patches.mixture import fit_mixture, maximise
from steepest.patches.model import covariances, log_constants, log_sum

RNG = np.random.default_rng(0)


def orthonormal(rng: np.random.Generator, d: int, s: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((d, s)))[0].T


def random_model(
    shape: tuple[int, ...] = (3, 3), count: int = 3, rank: int = 4, channels: int = 1,
    remove_mean: bool = False, seed: int = 0, means: bool = True,
) -> patches.PatchModel:  # fmt: skip
    rng = np.random.default_rng(seed)
    d = int(np.prod(shape)) * channels
    bases = np.stack([orthonormal(rng, d, rank) for _ in range(count)])
    centres = 0.3 * rng.standard_normal((count, d)) * means
    if remove_mean:
        groups = np.kron(np.eye(channels), np.full((d // channels, d // channels), channels / d))
        centres -= centres @ groups
        bases = np.stack([np.linalg.qr((b - b @ groups).T)[0].T for b in bases])
    residuals = rng.uniform(0.002, 0.01, count)
    variances = residuals[:, None] + np.sort(rng.uniform(0.01, 0.3, (count, rank)))[:, ::-1]
    weights = rng.dirichlet(np.full(count, 5.0))
    return patches.PatchModel(
        weights, centres, bases, variances, residuals, shape, channels, remove_mean
    )


def log_densities(model: patches.PatchModel, x: np.ndarray) -> np.ndarray:
    """Log of weight times density, of patches (n, d) and components: (n, K), in NumPy.

    Patches must already be without their means if the model removes them. O(n K s d).
    """
    output = np.empty((len(x), model.num_components))
    constants, gain = log_constants(model), model.gain
    for k, (mean, basis) in enumerate(zip(model.means, model.bases, strict=True)):
        y = x - mean if mean.any() else x
        inside = y @ basis.T
        inside *= inside
        squares = np.einsum("ij,ij->i", y, y)
        output[:, k] = constants[k] + (inside @ gain[k] - squares / model.residuals[k]) / 2
    return output


def em(x: np.ndarray, count: int, rank: int, steps: int, **given: float) -> patches.PatchModel:
    noise = given.get("noise")
    own = limits(Solver(max_num_iter=steps, tol=given.get("tol", 0.0), num_threads=1), 0, 1)
    return fit_mixture(x, count, rank, noise, own, np.random.default_rng(0), Reporter(None))


def test_a_planted_mixture_is_found() -> None:
    rng = np.random.default_rng(1)
    d, s, n, noise = 16, 3, 30_000, 0.1
    weights = np.array([0.5, 0.3, 0.2])
    bases = np.stack([orthonormal(rng, d, s) for _ in range(3)])
    means = rng.standard_normal((3, d))
    variances = np.array([[2.0, 1.0, 0.5]] * 3)
    truth = patches.PatchModel(
        weights, means, bases, variances, np.full(3, noise**2), (d,), remove_mean=False
    )
    owner = rng.choice(3, n, p=weights)
    y = rng.standard_normal((n, s)) * np.sqrt(variances[owner] - noise**2)
    x = means[owner] + np.einsum("ns,nsd->nd", y, bases[owner])
    x += noise * rng.standard_normal((n, d))
    found = em(x, 3, s, 40, noise=noise, tol=1e-6)
    order = [int(np.argmin(((found.means - mean) ** 2).sum(1))) for mean in means]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(found.weights[order], weights, atol=0.02)
    for own, k in enumerate(order):
        cosines = np.linalg.svd(bases[own] @ found.bases[k].T, compute_uv=False)
        assert np.degrees(np.arccos(min(cosines.min(), 1))) < 2
    likelihood = [log_sum(log_densities(m, x)).mean() for m in (found, truth)]
    assert likelihood[0] >= likelihood[1]
    assert np.min(np.diff(found.history)) >= -1e-12


def test_full_rank_takes_the_steps_of_scikit_learn() -> None:
    mixture = pytest.importorskip("sklearn.mixture")
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [c + rng.standard_normal((300, 4)) @ rng.standard_normal((4, 4)) for c in (0, 3, 6)]
    )
    start = em(x, 3, 4, 1)
    mine = em(x, 3, 4, 6)
    theirs = mixture.GaussianMixture(
        3, reg_covar=0, weights_init=start.weights, means_init=start.means, warm_start=True,
        precisions_init=np.linalg.inv(covariances(start)), max_iter=1,
    )  # fmt: skip
    values = []
    for _ in range(5):  # their lower bound is that before the step
        with warnings.catch_warnings():  # it has not converged
            warnings.simplefilter("ignore")
            theirs.fit(x)
        values.append(theirs.lower_bound_)
    np.testing.assert_allclose(mine.history[1:], values, rtol=0, atol=1e-8)


@pytest.mark.parametrize("noise", [None, 0.05])
def test_the_likelihood_never_falls(noise: float | None) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((500, 6)) * rng.uniform(0.1, 2, (500, 1))
    history = em(x, 4, 2, 15, noise=noise or 0.0).history if noise else em(x, 4, 2, 15).history
    assert np.min(np.diff(history)) >= -1e-12 * abs(history[-1])


def test_the_closed_m_step_beats_other_subspaces() -> None:
    """No small rotation of the directions has a greater likelihood; nor other eigenvectors."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((400, 6)) @ np.diag([3, 2, 1.5, 0.5, 0.3, 0.2])
    best = maximise(x, np.ones((400, 1)), 2, 0.04, False, 1)

    def value(basis: np.ndarray) -> float:
        y = (x - best.means[0]) @ basis.T
        variances = np.maximum(np.linalg.eigvalsh(y.T @ y / len(x)), 0.04)[::-1]
        turn = np.linalg.eigh(y.T @ y / len(x))[1][:, ::-1].T
        own = replace(best, bases=(turn @ basis)[None], variances=variances[None])
        return float(log_densities(own, x).mean())

    top = value(best.bases[0])
    assert top == pytest.approx(float(log_densities(best, x).mean()), abs=1e-12)
    for seed in range(20):
        other = orthonormal(np.random.default_rng(seed), 6, 2)
        near = np.linalg.qr((best.bases[0] + 0.1 * other).T)[0].T
        assert value(other) < top
        assert value(near) < top


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 8), st.booleans(), st.sampled_from([0.0, 0.01]))
def test_low_rank_densities_are_the_dense_ones(
    seed: int, rank: int, remove_mean: bool, noise: float
) -> None:
    model = random_model(rank=rank, remove_mean=remove_mean, seed=seed)
    x = np.random.default_rng(seed).standard_normal((20, 9))
    if remove_mean:
        x -= x.mean(1, keepdims=True)
    shifted = model.with_noise(noise)
    found = log_densities(shifted, x)
    turn = np.linalg.qr(np.eye(9) - 1 / 9)[0][:, :8] if remove_mean else np.eye(9)
    for k, matrix in enumerate(covariances(model)):
        dense = turn.T @ (matrix + noise * np.eye(9)) @ turn
        own = multivariate_normal((model.means[k] @ turn), dense).logpdf(x @ turn)
        np.testing.assert_allclose(found[:, k], np.log(model.weights[k]) + own, rtol=1e-10)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("remove_mean", [False, True])
def test_the_map_is_the_mean_over_patches(channels: int, remove_mean: bool) -> None:
    model = random_model((2, 3), 3, 3, channels, remove_mean)
    image = RNG.standard_normal((5, 7, channels))
    total, count = np.zeros((5, 7)), np.zeros((5, 7))
    for i in range(4):
        for j in range(5):
            x = np.moveaxis(image[i : i + 2, j : j + 3], -1, 0).reshape(channels, -1)
            x = x - x.mean(1, keepdims=True) * remove_mean
            total[i : i + 2, j : j + 3] += log_sum(log_densities(model, x.reshape(1, -1)))[0]
            count[i : i + 2, j : j + 3] += 1
    for threads in (1, 2):
        own = patches.log_likelihood(
            image, model, channel_axis=-1, solver=Solver(num_threads=threads)
        )
        np.testing.assert_allclose(own, total / count, rtol=1e-10)


def test_equal_seeds_and_any_threads_give_equal_models() -> None:
    image = RNG.random((40, 30))
    several = [image, image[:20] ** 2]
    one, two, other = (
        patches.fit(several, 3, 4, 3, num_patches=500, rng=seed, solver=Solver(num_threads=n))
        for seed, n in ((0, 1), (0, 2), (1, 1))
    )
    for name in ("weights", "means", "bases", "variances", "residuals"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    ("shape", "axis", "size"), [((60,), None, 4), ((20, 20, 3), -1, 3), ((10, 10, 10), None, 2)]
)
def test_signals_colour_and_volumes(shape: tuple[int, ...], axis: int | None, size: int) -> None:
    image = RNG.random(shape)
    model = patches.fit(image, size, 2, 3, channel_axis=axis)
    channels = 1 if axis is None else 3
    assert model.num_values == size ** (len(shape) - (channels > 1)) * channels
    assert model.dimension == model.num_values - channels
    assert np.isfinite(patches.log_likelihood(image, model, channel_axis=axis)).all()
    assert patches.denoise(image, model, 0.1, channel_axis=axis).shape == shape


def test_patches_are_those_of_sliding_windows() -> None:
    image = RNG.random((4, 5, 3, 2))
    grid = patches_of((4, 5, 3), 2, (2, 2, 2))
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 2, 2), (0, 1, 2))
    np.testing.assert_array_equal(grid.take(image.ravel()), windows.reshape(len(grid.starts), -1))


@pytest.mark.parametrize(
    "bad",
    [
        {"reference": []},
        {"reference": np.zeros((20, 20))},
        {"reference": np.full((20, 20), np.nan)},
        {"reference": np.zeros((0, 20))},
        {"reference": np.zeros((3, 20))},
        {"reference": [RNG.random((20, 20)), RNG.random((20, 20, 20))]},
        {"patch_size": 1},
        {"patch_size": 2.5},
        {"num_components": 0},
        {"num_components": 100},
        {"rank": -1},
        {"noise": 0.0},
        {"noise": np.nan},
        {"num_patches": 0},
        {"remove_mean": "yes"},
        {"rng": -1},
    ],
)
def test_bad_references_and_options_are_named(bad: dict) -> None:
    given = {"reference": RNG.random((10, 10)), "patch_size": 5, "num_components": 2, **bad}
    with pytest.raises(InputError) as error:
        patches.fit(**given)
    assert next(iter(bad)) in str(error.value)


def test_models_that_are_none_are_refused() -> None:
    model = random_model()
    for name, bad in {
        "weights": model.weights * 2,
        "means": model.means[:2],
        "bases": model.bases * 1.1,
        "variances": model.variances * 1e-6,
        "residuals": -model.residuals,
        "remove_mean": True,
    }.items():
        with pytest.raises(InputError):
            replace(model, **{name: bad})
    with pytest.raises(InputError, match="NaN"):
        replace(model, weights=np.full(3, np.nan))


def test_models_come_back_from_files(tmp_path: Path) -> None:
    model = patches.fit(RNG.random((20, 20, 3)), 3, 2, 4, channel_axis=-1)
    path = tmp_path / "model.stpm"
    patches.save(model, path)
    again = patches.load(path)
    for name in ("weights", "means", "bases", "variances", "residuals"):
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))
    assert repr(model) == repr(again)
    assert again.history == model.history
    with pytest.raises(InputError, match="exists"):
        patches.save(model, path)
    patches.save(model, path, overwrite=True)
    with pytest.raises(InputError, match="stpm"):
        patches.save(model, tmp_path / "model.npz")
    assert [each.name for each in tmp_path.iterdir()] == ["model.stpm"]
    safetensors = pytest.importorskip("safetensors.numpy")
    np.testing.assert_array_equal(safetensors.load_file(path)["bases"], model.bases)


def test_cut_and_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.stpm"
    patches.save(random_model(), path)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"model\.stpm"):
            patches.load(path)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])

    def write(change: dict) -> None:
        text = json.dumps({**header, **change}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])

    own = header["__metadata__"]["model"]
    huge = json.dumps({**json.loads(own), "patch_shape": [10**9, 10**9]})
    for change in [
        {"bases": {**header["bases"], "shape": [10**6, 10**6, 10**6]}},
        {"bases": {**header["bases"], "dtype": "O"}},
        {"bases": {**header["bases"], "data_offsets": [-8, 10]}},
        {"bases": {**header["bases"], "shape": [3.0, 4, 9]}},
        {"weights": header["means"]},
        {"more": header["means"]},
        {"__metadata__": {"format": "other", "model": own}},
        {"__metadata__": {**header["__metadata__"], "model": "[" * 100_000}},
        {"__metadata__": {**header["__metadata__"], "model": huge}},
    ]:
        write(change)
        with pytest.raises(InputError, match=r"model\.stpm"):
            patches.load(path)
    path.write_bytes(b"\xff" * 8 + whole)
    with pytest.raises(InputError):
        patches.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        patches.load(tmp_path / "none.stpm")


def test_densities_read_no_memory_beyond_the_model() -> None:
    """Nine values are filled up to twelve with zeros; what lies behind them must not count."""
    d = 9
    memory = np.full(2 * d, np.nan)
    memory[:d] = 1
    linear, image, out = memory[:d].reshape(1, d), np.arange(d) / d, np.empty((1, 1))
    tables = (0, 1.0, np.zeros((1, 2, 12)), np.array([2]), linear, np.zeros(1), np.ones(1))
    densities(image, np.zeros(1, np.int64), np.arange(d), tables, out)
    assert out[0, 0] == pytest.approx(image.sum() - (image**2).sum())
