"""Samples of images, beside samplers of deepinv and sbi: tables of docs/posterior.

``python -m benchmarks.posterior_images digits|deblurring|tomography [--peers]``. With ``--peers``,
the rows of deepinv (ULA, DPS) and sbi (flow matching) are measured, which must be installed
(``pip install deepinv sbi``); without it, those that were measured before are shown. Each row is
kept in ``results/posterior/images_*.jsonl``. One thread; seconds are processor time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from time import process_time
from typing import Any

import numpy as np
import torch
from scipy import sparse

from steepest import patches, posterior

from .patch_tasks import coarse, radon
from .posterior_digits import digits, halve
from .posterior_tables import OUTPUT, SEEDS, kept, known, spread, write

SIZE = 64  # of textures
Made = tuple[float, Any]  # seconds of training, and a sampler


def row(
    made: Made, calibration: Sequence[Any], test: Sequence[Any], count: int, seed: int = 0
) -> list[float]:
    """Return PSNR, CRPS, raw coverage, factor, coverage after it, and seconds to learn and draw."""
    seconds, model = made
    begin = process_time()
    report = posterior.check(model, *calibration, count=count, rng=seed)
    draws = model.sample(test[1], count, rng=seed + 1)
    seconds_each = (process_time() - begin) / (len(test[1]) + len(calibration[1]))
    low, high = draws.interval(0.9, factor=report.factor)
    after = float(((test[0] >= low - 1e-6) & (test[0] <= high + 1e-6)).mean())
    own = posterior.check(Kept(draws), *test, count=count)
    psnr = -20 * math.log10(own.rmse)
    return [psnr, own.crps, own.coverage, report.factor, after, seconds, seconds_each]


class Kept:
    """A sampler of draws that were made already."""

    def __init__(self, draws: posterior.Draws) -> None:
        self.draws = draws

    def sample(self, y: Any, count: int = 100, *, rng: Any = 0) -> posterior.Draws:
        """Return them."""
        return self.draws


def table(name: str, rows: dict[str, list[str]], kind: str) -> None:
    """Write the rows of which a seed is known."""
    before = known(f"images_{name}")
    names = "PSNR | CRPS | 90 %: raw | factor | after | s to learn | s an image"
    lines = [f"| | {kind} | seeds | {names} |", "|---" * 10 + "|"]
    for title, keys in rows.items():
        found = [before[key] for key in keys if key in before]
        if found:
            columns = zip(zip(*found, strict=True), (2, 4, 3, 2, 3, 1, 3), strict=True)
            cells = [spread(column, digits) for column, digits in columns]
            lines.append(f"| {title} | {len(found)} | {' | '.join(cells)} |")
    write(f"images_{name}", lines)


# textures ---------------------------------------------------------------------------------------


@cache
def textures() -> tuple[patches.PatchModel, np.ndarray, float]:
    """Return a model of the left quarters of two textures, 96 crops of the rest, and seconds."""
    from skimage import data

    images = [image / 255 for image in (data.brick(), data.grass())]
    begin = process_time()
    model = patches.fit([image[:, :128] for image in images], 8, 30, 20, num_patches=20_000)
    seconds = process_time() - begin
    n = images[0].shape[0]
    crops = np.array([
        image[i : i + SIZE, j : j + SIZE]
        for image in images for i in range(0, n, SIZE) for j in range(128, n, SIZE)
    ])  # fmt: skip
    return model, crops[np.random.default_rng(0).permutation(len(crops))], seconds


def operator(name: str) -> tuple[Any, float]:
    """Return a blur of deviation 1.5 or projections from 16 angles, and the noise."""
    if name == "tomography":
        return radon(SIZE, 16) * SIZE, 0.5
    axis = sparse.csr_matrix(np.where(np.abs(m := coarse(SIZE, 1, 1.5)) > 1e-4, m, 0))
    return sparse.kron(axis, axis).tocsr(), 0.02


def texture(name: str, method: str, images: int) -> list[float]:
    """Measure one sampler on half of the images, with the factor of the other half."""
    model, crops, seconds = textures()
    a, noise = operator(name)
    y = crops.reshape(len(crops), -1) @ a.T
    y = y + noise * np.random.default_rng(1).standard_normal(y.shape)
    half = images // 2
    calibration, test = (crops[:half], y[:half]), (crops[half:images], y[half:images])
    sampler = (
        posterior.PatchPosterior(model, a, noise, (SIZE, SIZE))
        if method == "steepest"
        else Langevin(a, noise, (SIZE, SIZE), TotalVariation(), *LANGEVIN[name])
    )
    return row((seconds if method == "steepest" else 0.0, sampler), calibration, test, 16)


def texture_table(name: str, peers: bool) -> None:
    """Patch mixtures beside Langevin steps of deepinv with its denoiser by total variation."""
    rows = {"`PatchPosterior` | 48 + 48": ("steepest", 96)}
    rows["deepinv ULA, TV | 10 + 10"] = ("ULA", 20)
    for title, (method, count) in rows.items():
        if method == "steepest" or peers:
            kept(f"images_{name}", title, partial(texture, name, method, count))
    table(name, {title: [title] for title in rows}, "images to calibrate and to test")


# peers ------------------------------------------------------------------------------------------


class TotalVariation(torch.nn.Module):
    """deepinv's denoiser by total variation, whose strength is the variance of the noise."""

    def __init__(self) -> None:
        super().__init__()
        import deepinv

        self.inner = deepinv.models.TVDenoiser(n_it_max=30)

    def forward(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        """Return a denoised batch (n, 1, h, w)."""
        return self.inner(x, 2 * sigma**2 / 0.1)


class Denoiser(torch.nn.Module):
    """The exact denoiser of a mixture of whole images (n, 1, h, w): its posterior mean."""

    def __init__(self, prior: posterior.Mixture) -> None:
        super().__init__()
        parts = (prior.weights, prior.means, prior.covariances)
        self.weights, self.means, self.covariances = (torch.tensor(v).float() for v in parts)

    def forward(self, x: torch.Tensor, sigma: Any, **unused: Any) -> torch.Tensor:
        """Return the means given images with white noise."""
        sigma = torch.as_tensor(sigma).flatten()[0].float()
        kind, x = x.dtype, x.float()
        total = self.covariances + sigma**2 * torch.eye(self.means.shape[1])
        off = x.flatten(1)[:, None] - self.means
        solved = torch.linalg.solve(total, off.transpose(0, 1).transpose(1, 2))  # (K, d, n)
        score = -0.5 * (off * solved.permute(2, 0, 1)).sum(2) - 0.5 * torch.logdet(total)
        share = (score + self.weights.log()).softmax(1)
        out = x - sigma**2 * torch.einsum("nk,kdn->nd", share, solved).reshape(x.shape)
        return out.to(kind)


class Langevin:
    """deepinv's unadjusted Langevin algorithm: every draw has a chain of its own."""

    def __init__(
        self, a: Any, noise: float, shape: tuple[int, int], denoiser: torch.nn.Module,
        step: float, steps: int, sigma: float,
    ) -> None:  # fmt: skip
        self.a = torch.from_numpy(np.asarray(a.todense() if sparse.issparse(a) else a)).float()
        self.noise, self.shape, self.denoiser = noise, shape, denoiser
        self.step, self.steps, self.sigma = step, steps, sigma

    def sample(self, y: Any, count: int = 100, *, rng: Any = 0) -> posterior.Draws:
        """Return the ends of the chains."""
        import deepinv

        torch.manual_seed(rng)
        data = torch.as_tensor(np.asarray(y)).float().flatten(1).repeat_interleave(count, 0)
        physics = physics_of(self.a, self.shape, self.noise)
        fidelity = deepinv.optim.data_fidelity.L2(sigma=self.noise)
        prior = deepinv.optim.ScorePrior(denoiser=self.denoiser)
        chain = deepinv.sampling.ULAIterator(
            {"step_size": self.step, "alpha": 1.0, "sigma": self.sigma}
        )
        state = {"x": physics.A_adjoint(data) / torch.linalg.matrix_norm(self.a, 2) ** 2}
        with torch.no_grad():
            for i in range(self.steps):
                state = chain(state, data, physics, fidelity, prior, i)
        return posterior.Draws(state["x"].reshape(len(y), count, *self.shape).numpy())


def physics_of(a: torch.Tensor, shape: tuple[int, int], noise: float) -> Any:
    """Return a linear operator of deepinv."""
    import deepinv

    return deepinv.physics.LinearPhysics(
        A=lambda x, **kw: x.flatten(1) @ a.T,
        A_adjoint=lambda y, **kw: (y @ a).reshape(-1, 1, *shape),
        noise_model=deepinv.physics.GaussianNoise(noise),
    )


class Diffusion(Langevin):
    """deepinv's diffusion posterior sampling."""

    def sample(self, y: Any, count: int = 100, *, rng: Any = 0) -> posterior.Draws:
        """Return one run for each draw."""
        import deepinv

        torch.manual_seed(rng)
        data = torch.as_tensor(np.asarray(y)).float().flatten(1).repeat_interleave(count, 0)
        sampler = deepinv.sampling.DPS(
            self.denoiser, num_steps=self.steps, guidance="annealed", dtype=torch.float32
        )
        x = sampler(data, physics_of(self.a, self.shape, self.noise))
        return posterior.Draws(x.detach().reshape(len(y), count, *self.shape).numpy())


class Simulation:
    """sbi's flow matching (FMPE) with its default network and its own early stopping."""

    def __init__(self, x: np.ndarray, y: np.ndarray, seed: int) -> None:
        from sbi.inference import FMPE
        from sbi.utils import BoxUniform

        torch.manual_seed(seed)
        self.shape, d = x.shape[1:], x[0].size
        trainer = FMPE(BoxUniform(-torch.ones(d), 2 * torch.ones(d)), show_progress_bars=False)
        flat = (torch.from_numpy(v.reshape(len(v), -1)).float() for v in (x, y))
        trainer.append_simulations(*flat).train()
        self.posterior = trainer.build_posterior()

    def sample(self, y: Any, count: int = 100, *, rng: Any = 0) -> posterior.Draws:
        """Return draws of all measurements."""
        torch.manual_seed(rng)
        data = torch.as_tensor(np.asarray(y)).float().flatten(1)
        out = self.posterior.sample_batched(
            (count,), x=data, show_progress_bars=False, reject_outside_prior=False
        )
        return posterior.Draws(out.transpose(0, 1).reshape(len(y), count, *self.shape).numpy())


LANGEVIN = {"deblurring": (5e-4, 300, 0.05), "tomography": (2e-5, 300, 0.05)}

# digits -----------------------------------------------------------------------------------------


def digit(method: str, size: int, seed: int) -> list[float]:
    """Measure one sampler on 100 digits, with the factor of 100 others."""
    train, calibration, test = digits(seed)
    rng = np.random.default_rng(seed)

    def measure(x: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
        y = halve(x)
        return y + 0.1 * rng.standard_normal(y.shape)

    x = train[:size]
    y = measure(x)
    known, new = ((part[:100], measure(part[:100])) for part in (calibration, test))
    begin = process_time()
    model: Any
    if method == "sbi":
        model = Simulation(x, y, seed)
    elif method.startswith("flow"):
        model = posterior.learn(x, measure if "anew" in method else y, rng=seed)
    else:
        prior = posterior.fit_mixture(x, rng=seed)
        a = prior.given(lambda image: halve(image[None])[0], 0.01).matrix
        settings: dict[str, Callable[[], Any]] = {
            "mixture": lambda: prior.given(a, 0.01),
            "ULA": lambda: Langevin(a, 0.1, (8, 8), Denoiser(prior), 2e-3, 400, 0.05),
            "DPS": lambda: Diffusion(a, 0.1, (8, 8), Denoiser(prior), 0, 100, 0),
        }
        model = settings[method]()
    return row((process_time() - begin, model), known, new, 30, seed)


def digit_table(peers: bool) -> None:
    """All samplers with 100 examples; seeds come last, so that a run that is stopped has some."""
    names = {
        "exact mixture": "mixture", "`learn`, pairs": "flow", "`learn`, measured anew": "flow anew",
        "sbi FMPE": "sbi", "deepinv ULA, our mixture": "ULA", "deepinv DPS, our mixture": "DPS",
    }  # fmt: skip
    rows = {f"{title} | 100": [f"{title}, seed {seed}" for seed in SEEDS] for title in names}
    for seed in SEEDS:
        for title, method in names.items():
            if peers or not title.startswith(("sbi", "deepinv")):
                key = f"{title}, seed {seed}"
                kept("images_digits", key, partial(digit, method, 100, seed))
        table("digits", rows, "training images")


def main() -> None:
    """Measure the tables that are named, or all."""
    torch.set_num_threads(1)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    names = [name for name in sys.argv[1:] if name != "--peers"]
    for name in names or ("digits", "deblurring", "tomography"):
        peers = "--peers" in sys.argv
        digit_table(peers) if name == "digits" else texture_table(name, peers)


if __name__ == "__main__":
    main()
