"""Table 2: inpainting operators."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from benchmarks.crops import Method, crops, measure
from benchmarks.sparse_masks_report import DENSITIES
from benchmarks.tables import write
from steepest import inpainting
from steepest.cli.types import Count
from steepest.inpainting import masks

from .curvature_driven import CurvatureDriven
from .minimal_total_variation import MinimalTotalVariation
from .mumford_shah import MumfordShah
from .options import Folder

RESULTS = Path(__file__).with_name("results")

SIDE = 64
OPERATORS = {
    "homogeneous diffusion": inpainting.Diffusion(),
    "biharmonic": inpainting.Biharmonic(),
    "edge enhancing": inpainting.EdgeEnhancing(),
    "curvature driven": CurvatureDriven(),
    "mumford shah": MumfordShah(),
    "total variation": MinimalTotalVariation(),
}
PAPER = (  # Table 2: 1,000 images of ImageNet; other methods with the masks of NetM
    ("paper: NetE", (18.44, 19.94, 22.06), (20.35, 21.93, 24.31)),
    ("paper: inpainting GAN", (18.85, 20.78, 22.95), None),
    ("paper: curvature-driven diffusion", None, (20.22, 22.42, 24.38)),
    ("paper: beta process factor analysis", None, (15.82, 20.82, 24.16)),
    ("paper: Mumford-Shah", None, (20.70, 22.98, 25.04)),
    ("paper: mask GAN", None, (21.66, 23.63, 25.36)),
)
Scores = dict[str, dict[str, list[float]]]


def kinds() -> dict[str, Method]:
    """The kinds of masks, by name."""
    return {
        "random": partial(masks.random, channel_axis=-1, rng=0),
        "dithered": partial(masks.laplacian_dither, channel_axis=-1, rng=0),
        "echo": partial(masks.echo, channel_axis=-1, rng=0),
    }


def inpaint(name: str, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The inpainting of an image (H, W, 3) by an operator, in [0, 1]."""
    unit = (image / 255).astype(np.float32)
    return np.asarray(inpainting.inpaint(unit, mask, OPERATORS[name], channel_axis=-1).image)


def classical(image: np.ndarray, scores: Scores) -> None:
    """Measure all operators on all masks of one image."""
    for kind, choose in kinds().items():
        for density in DENSITIES:
            mask = choose(image, density)
            for name in OPERATORS:
                psnr = measure(image, inpaint(name, image, mask))["psnr"]
                scores[name][f"{kind} {density:.0%}"].append(psnr)


def learned(paths: list[Path], images: list[np.ndarray], scores: Scores) -> None:
    """Measure networks on their kind of mask: random masks, or their own (columns "own")."""
    from . import propose_mask
    from .learned_masks import filler, networks_of

    for mode, networks in networks_of(paths).items():
        fill = filler(networks)
        for density, network in networks.items():
            for image in images:
                if mode == "inpainting":
                    mask = kinds()["random"](image, density)
                    name, column = "inpainting GAN, small", f"random {density:.0%}"
                else:
                    mask = propose_mask(network, image, density, channel_axis=-1)
                    name, column = "mask GAN, small", f"own {density:.0%}"
                if mode != "diffusion":
                    psnr = measure(image, fill(image, mask, density))["psnr"]
                    scores[name][column].append(psnr)
                if mode != "inpainting":
                    diffused = inpaint("homogeneous diffusion", image, mask)
                    psnr = measure(image, diffused)["psnr"]
                    name = {"joint": "mask GAN, small; diffusion"}.get(mode, "mask network")
                    scores[name][column].append(psnr)


def _cell(row: dict[str, list[float]], kind: str) -> str:
    """The means of a kind of mask at all densities."""
    values = [row.get(f"{kind} {density:.0%}") for density in DENSITIES]
    return " / ".join(f"{mean(value):.2f}" for value in values if value)


def operators(
    folder: Folder,
    /,
    *,
    count: Count = 100,
    networks: Annotated[list[Path], Parameter(consume_multiple=True)] | None = None,
) -> None:
    """Table 2: inpainting operators on random and on optimised masks.

    Measure the PSNR on images of 64 x 64 at 5, 10 and 20 %, for random and for optimised masks. The
    paper's images and the masks of its competitor are not public; this command uses centre crops of
    the images in FOLDER, and echo masks. All operators use their default parameters. With
    --networks the table includes inpainting networks of these densities on random masks, and joint
    networks on their own masks.

    Parameters
    ----------
    count
        crops
    networks
        weights, one network per density
    """
    images = [image for _, image in crops(folder, count, SIDE)]
    scores: Scores = defaultdict(lambda: defaultdict(list))
    for number, image in enumerate(images):
        classical(image, scores)
        print(f"{number + 1} of {len(images)}", flush=True)
    if networks:
        learned(networks, images, scores)
    for name, random, own in PAPER:
        for kind, values in (("random", random), ("own", own)):
            for density, value in zip(DENSITIES, values or (), strict=False):
                scores[name][f"{kind} {density:.0%}"] = [value]
    columns = (*kinds(), "own")
    rows = [(name, *(_cell(row, kind) for kind in columns)) for name, row in scores.items()]
    note = (
        f"Means over {len(images)} centre crops of {SIDE} x {SIDE} in colour, by masks; at 5 / 10 "
        '/ 20 %. The paper\'s images are 1,000 of ImageNet; there, "own" are the masks of NetM, '
        "and for its mask GAN its own."
    )
    write(RESULTS / "operators.md", ("PSNR", *columns), rows, note)
