"""The methods beside `steepest.patches` in `benchmarks.patches`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from scipy.ndimage import map_coordinates

import steepest
from benchmarks.patch_tasks import Array, Case, Method, Task

TV_WEIGHTS: list[float] = list(0.04 * 1.25 ** np.arange(7))  # up to 0.15
_TORCHVISION: tuple[str, ...] = (
    "",
    ".transforms",
    ".transforms.functional",
    ".transforms.v2",
    ".utils",
)
_TORCHVISION += (".transforms.v2.functional", ".transforms.transforms", ".datasets", ".models")
_TORCHVISION += (".datasets.folder", ".datasets.utils", ".io")


def denoisers(task: Task) -> Iterator[Method]:
    """TV, TGV, non-local means, wavelets, BM3D and deepinv's EPLL."""
    from skimage.restoration import denoise_nl_means, denoise_wavelet

    yield Method(
        "TV, one weight", lambda c, w: _image(steepest.denoise_tv(c.data, w)), TV_WEIGHTS, each=True
    )
    yield Method("TV, automatic", lambda c, w: _image(steepest.denoise_tv(c.data)))
    tgv = steepest.TotalGeneralisedVariation()
    yield Method(
        "TGV, one weight",
        lambda c, w: _image(steepest.denoise(c.data, w, tgv)),
        TV_WEIGHTS[:6],
    )

    def nl_means(case: Case, weight: float) -> Array:
        keywords: dict[str, Any] = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
        h = weight * case.noise
        return denoise_nl_means(case.data, h=h, sigma=case.noise, **keywords)

    yield Method("non-local means (scikit-image)", nl_means, (0.4, 0.5, 0.6, 0.7, 0.8, 1.0))

    def wavelets(case: Case, weight: float) -> Array:
        return denoise_wavelet(
            case.data, sigma=weight * case.noise, wavelet="db2", rescale_sigma=False
        )

    yield Method("wavelets, BayesShrink (scikit-image)", wavelets, (0.8, 0.9, 1.0, 1.1, 1.2))
    try:
        from bm3d import bm3d
    except ImportError:
        print("bm3d is not installed", flush=True)
    else:
        yield Method("BM3D", lambda c, w: np.asarray(bm3d(c.data, c.noise)))
    try:
        yield deepinv_epll(task)
    except ImportError as error:
        print(f"deepinv cannot be used: {error}", flush=True)


def deepinv_epll(task: Task, size: int = 8, components: int = 50, count: int = 60_000) -> Method:
    """deepinv's EPLL with its own EM on ``count`` patches, as many steps as ours."""
    for name in _TORCHVISION:  # imported by deepinv, not used here
        sys.modules.setdefault(f"torchvision{name}", MagicMock(__spec__=None, __path__=[]))
    import torch
    from deepinv.models import EPLLDenoiser
    from deepinv.optim.utils import GaussianMixtureModel

    torch.manual_seed(0)
    begin = time.process_time()
    drawn = torch.from_numpy(random_patches(task.references, size, count)).float()
    mixture = GaussianMixtureModel(components, size * size)
    mixture.fit([{"x": part} for part in drawn.split(5000)], max_iters=20)
    training = time.process_time() - begin
    model = EPLLDenoiser(mixture, pretrained=None, patch_size=size)

    def restore(case: Case, weight: float) -> Array:
        with torch.no_grad():
            data = torch.from_numpy(case.data).float()[None, None]
            return model(data, case.noise, batch_size=5000)[0, 0].double().numpy()

    return Method("EPLL (deepinv)", restore, training=training)


def random_patches(images: Sequence[Array], size: int, count: int, seed: int = 0) -> Array:
    """Rows of ``size * size`` values, as many from each image."""
    rng, rows = np.random.default_rng(seed), []
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(image, (size, size))
        places = (rng.integers(0, n, -(-count // len(images))) for n in windows.shape[:2])
        rows.append(windows[tuple(places)].reshape(-1, size * size))
    return rng.permutation(np.concatenate(rows))[:count]


def restorers(task: Task) -> Iterator[Method]:
    """Interpolation or least squares, and TV with the same forward operator."""
    if "resolution" in task.name:
        yield Method("bicubic", _bicubic)
    else:
        steps = (3, 4, 6, 8, 12, 16, 24)
        yield Method("least squares, CG stopped at a step", _least_squares, steps)
    yield Method("TV, one weight", tv_restore, list(5e-5 * 2.0 ** np.arange(6)), each=True)


def _bicubic(case: Case, weight: float) -> Array:
    """Cubic splines through the coarse pixels, each at the place that the operator gives it."""
    size, factor = case.truth.shape[0], case.truth.shape[0] // case.data.shape[0]
    places = np.arange(size) / factor
    return map_coordinates(case.data, np.meshgrid(places, places, indexing="ij"), mode="nearest")


def _least_squares(case: Case, steps: float) -> Array:
    u = np.zeros_like(case.truth)
    r = case.adjoint(case.data)
    p, rr = r, np.vdot(r, r)
    for _ in range(int(steps)):
        q = case.adjoint(case.forward(p))
        alpha = rr / np.vdot(p, q)
        u, r = u + alpha * p, r - alpha * q
        rr, old = np.vdot(r, r), rr
        p = r + rr / old * p
    return u


def squared_norm(case: Case, steps: int = 30) -> float:
    """The largest eigenvalue of the normal operator, from power iterations, and 5 % more."""
    u = np.random.default_rng(0).random(case.truth.shape)
    for _ in range(steps):
        v = case.adjoint(case.forward(u))
        norm = float(np.linalg.norm(v) / np.linalg.norm(u))
        u = v / np.linalg.norm(v)
    return 1.05 * norm


def tv_restore(case: Case, weight: float, steps: int = 300, dual: float = 0.1) -> Array:
    """argmin 1/2 ||A u - f||^2 + weight TV(u), by the method of Condat and Vu."""
    scale = squared_norm(case)
    sigma = dual * scale
    tau = 1 / (scale / 2 + 8 * sigma)
    u = case.adjoint(case.data) / scale
    p = np.zeros((2, *u.shape))
    for _ in range(steps):
        new = u - tau * (case.adjoint(case.forward(u) - case.data) - steepest.divergence(p))
        over = 2 * new - u
        p[0, :-1] += sigma * np.diff(over, axis=0)
        p[1, :, :-1] += sigma * np.diff(over, axis=1)
        p /= np.maximum(1, np.sqrt((p**2).sum(0)) / weight)
        u = new
    return u


def _image(result: Any) -> Array:
    return np.asarray(result.image)
