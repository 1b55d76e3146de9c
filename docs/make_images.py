"""Draw the pictures that README.md and the documentation show: ``python docs/make_images.py``.

Name one part to draw it alone: ``effects``, ``denoised``, ``decomposition`` (what ``steepest
decompose sample:camera`` writes, from the same calls), ``learning`` (needs torch), ``inpainting``,
``manifold``, ``objects`` or ``cards``.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

import steepest
from steepest import plot
from steepest.io import sample

FOLDER = Path(__file__).parent / "images"


def save(figure: object, name: str, dpi: float = 150, colours: int = 256) -> None:
    """Write a figure as a PNG of few colours, which is enough for it and a third of the size.

    ``colours`` 0 keeps all.
    """
    picture = PillowImage.open(BytesIO(plot.figure_png(figure, dpi=dpi)))  # type: ignore[arg-type]
    picture = picture.convert("RGB")
    (picture.quantize(colours) if colours else picture).save(FOLDER / name, optimize=True)


def draw_effects() -> None:
    """The first picture of README.md."""
    from effects_pictures import effects

    save(effects(), "effects.png", 130)


def draw_denoised() -> None:
    """Before and after the first command of README.md."""
    from effects_pictures import denoised

    save(denoised(), "denoised.png", 130, 64)


def draw_learning() -> None:
    """The shipped networks on a photograph and on disks that they have not seen."""
    from skimage.data import chelsea

    sys.path.insert(0, str(FOLDER.parents[1]))  # the experiments are not installed
    from experiments.tvflownet import load_method, pictures, shapes
    from experiments.tvflownet.truth import TruthSource
    from steepest.core.grey import to_grey

    truth, networks = TruthSource(), [load_method("unet"), load_method("mean-flux")]
    methods = [replace(method, label=method.network) for method in networks]
    photo = np.ascontiguousarray(to_grey(chelsea())[20:276, 90:346])
    disks = next(iter(shapes.disks(1, seed=0)))
    placed = sorted(shapes.disk_layout(0), key=lambda disk: disk[2])[:2]  # the smallest
    points = [(round(row), round(column)) for row, column, *_ in (placed[0], placed[-1])]
    save(pictures.flow_comparison(methods, photo, truth), "learned_flow.png", 100, 64)
    save(pictures.divergence_comparison(methods, photo, truth), "learned_divergence.png", 100, 64)
    save(pictures.decay_figure(methods, disks, points, truth), "learned_decay.png")
    save(pictures.certificate_figure(methods[-1], photo, truth), "learned_certificate.png")


def draw_decomposition() -> None:
    """Decompose the bundled photograph and draw bands and spectrum."""
    dec = steepest.spectral.decompose(sample("camera"))
    montage = plot.band_montage(
        dec.bands,
        dec.residual,
        dec.edges,
        image=dec.image,
        title="camera: structures by contrast \u00d7 size",
    )
    save(montage[0], "decomposition.png")
    title = "camera: spectrum of the total variation flow"
    save(plot.spectrum_curve(dec.times, dec.spectrum, dec.edges, title=title), "spectrum.png")


def draw_inpainting() -> None:
    """Echoes, masks and what is inpainted from them, on the bundled photographs."""
    import inpainting_pictures as pictures

    save(pictures.echoes_of_a_line(), "echoes_line.png", 160, 64)
    for name, draw, colours in (
        ("echoes.png", pictures.echoes_of_an_image, 256),
        ("operators.png", pictures.equations, 256),
        ("masks.png", pictures.side_by_side, 0),
        ("tonal.png", pictures.before_and_after, 256),
        ("inpainting.png", pictures.few_pixels, 0),
    ):
        figure, dpi = draw()
        save(figure, name, dpi, colours)


def draw_objects() -> None:
    """The coins of scikit-image and what is found in them."""
    from skimage.data import coins

    image = coins()
    found = steepest.segmentation.find_objects(image)
    save(plot.object_overlay(image, found, title="coins").figure, "objects.png", 110, 64)


def draw_cards() -> None:
    """The pictures on the cards of the first page."""
    from cards_pictures import CARDS, card

    (FOLDER / "cards").mkdir(exist_ok=True)
    for name, draw in CARDS.items():
        card(draw()).save(FOLDER / "cards" / f"{name}.jpg", quality=85, optimize=True)


def draw_manifold() -> None:
    """Phases, orientations and tensors before and after."""
    import manifold_pictures as pictures

    for name, colours in (
        ("phases", 0),
        ("orientations", 0),
        ("misorientations", 256),
        ("tensors", 256),
    ):
        save(getattr(pictures, name)(), f"{name}.png", 120, colours)


def main() -> None:
    """Everything, or the parts that are named."""
    FOLDER.mkdir(exist_ok=True)
    parts = {
        "effects": draw_effects,
        "denoised": draw_denoised,
        "decomposition": draw_decomposition,
        "learning": draw_learning,
        "inpainting": draw_inpainting,
        "manifold": draw_manifold,
        "objects": draw_objects,
        "cards": draw_cards,
    }
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
