"""``steepest compile``: compile everything once, so that no later command has to."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from io import StringIO
from itertools import product
from tempfile import TemporaryDirectory
from time import perf_counter
from types import SimpleNamespace
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from steepest.convex.capabilities import energies
from steepest.inpainting import METHODS
from steepest.io import sample, write_image

from ..outcome import FAILED, OK
from ..progress import progress

_KINDS = ("grey.png", "colour.png", "volume.tif", "double.npy")
_PHOTOS = ("camera", "coffee")
WORK: Sequence[str] = (
    *(f"denoise {image} --strength 0.01" for image in _KINDS),
    *("denoise noisy.png", "denoise noisy-colour.png"),
    *(f"flow {image} --times 0.02" for image in _KINDS),
    *(
        f"denoise {image} --strength 0.01 --energy {name}"
        for name, image in product(energies(), _KINDS[:2])
        if name != "tv"
    ),
    *("decompose grey.png --no-figures", "filter colour.png --low-pass 0.1"),
    *("objects grey.png", "objects volume.tif"),
    *("segment grey.png --objects", "segment grey.png --classes 3"),
    *(
        f"inpaint {image} --unknown hole.png --method {name}"
        for name, image in product(METHODS, _KINDS[:2])
    ),
    *("mask grey.png", "mask colour.png"),
    *("compress grey.png", "decompress grey.stp again.png"),
    "stipple grey.png --points 300 -o dots.svg",
    *("strain grey.png moved.png -o strain", "morph grey.png moved.png"),
    "phase phase.npy --strength 0.35",
    "orientations sample:nickel --strength 0.1 --tol 0.5",
    *("patches fit grey.png -o p.stpm", "restore noisy.png --model p.stpm"),
)
"""Small examples that use what is compiled."""


def compile(*, quiet: Annotated[bool, Parameter(alias="-q")] = False) -> int:
    """Compile everything that commands use, for containers and classrooms.

    The compiled code is kept beside the package, or in numba's folder in your home directory, and
    later commands start at once. It takes some minutes; what is compiled already is not compiled
    again.

    Parameters
    ----------
    quiet
        print errors only

    Examples
    --------
    steepest compile
    steepest compile --quiet    in a Dockerfile, as the user who runs it

    Notes
    -----
    Each kind of image (grey, colour, volume, double precision) is tried on a few pixels. Rare
    combinations still compile when they are first used. What needs packages that are not installed
    is left out. The environment variable NUMBA_CACHE_DIR names another folder, now and later.
    """
    from ..main import main

    code, start, work = OK, perf_counter(), WORK
    if find_spec("constriction") is None:
        work = [command for command in work if "compress" not in command]
        if not quiet:
            print("left out: compress and decompress, which need constriction")
    with _examples(), progress("compile", enabled=not quiet) as on_step:
        for number, command in enumerate(work, 1):
            if on_step is not None:
                on_step(SimpleNamespace(step=number, num_steps=len(work) + 1))
            with redirect_stderr(StringIO()) as said:
                done = main([*shlex.split(command), "--overwrite", "--quiet"])
            if done != OK and not quiet:
                print(f"failed: {command}: {said.getvalue().strip()}")
            code = max(code, done)
    if not quiet:
        print(f"compiled in {perf_counter() - start:.0f} s")
    return FAILED if code else OK


@contextmanager
def _examples() -> Iterator[None]:
    """Work in a folder of small images."""
    camera, coffee = (np.ascontiguousarray(sample(name)[100:164, 200:248]) for name in _PHOTOS)
    rng = np.random.default_rng(0)
    hole = np.zeros(camera.shape, np.uint8)
    hole[10:14, 20:30] = 255
    images = {
        "grey.png": camera,
        "moved.png": np.roll(camera, 1, 1),
        "colour.png": coffee,
        "volume.tif": camera.reshape(4, 16, 48),
        "double.npy": camera / 255,
        "noisy.png": camera // 2 + rng.integers(0, 60, camera.shape, np.uint8),
        "noisy-colour.png": coffee // 2 + rng.integers(0, 60, coffee.shape, np.uint8),
        "hole.png": hole,
        "phase.npy": sample("interferogram")[:48, :48],
    }
    before = os.getcwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, array in images.items():
                write_image(name, array)
            yield
        finally:
            os.chdir(before)
