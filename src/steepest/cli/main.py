"""The ``steepest`` program: its commands and its help."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from cyclopts import App

from .parser import Command, Family, make_program, run
from .versions import own_version

COMMANDS = (
    *("decompose", "denoise", "filter", "flow", "objects", "scale-map", "segment"),
    *("patches", "restore", "phase", "orientations", "inpaint", "mask"),
    *("stipple", "strain", "magnify", "morph", "compress", "decompress", "learn", "app", "info"),
    "compile",
)
logging.getLogger("steepest").addHandler(logging.NullHandler())  # compiling is shown in the bar
DESCRIPTION = """\
Certified total variation flow.

Denoise images, split them into structures by contrast and size, and recombine these. Every result
comes with a guaranteed bound on its distance to the exact result. Sparse inpainting: fill in
unknown pixels, or choose a small set of pixels to keep.

Examples
--------
steepest info sample:camera                 what a file contains
steepest denoise sample:noisy-camera        remove noise, as much as there is
steepest decompose sample:camera -o bands   split a photograph into structures
steepest filter photo.png --high-pass 0.05  only small or faint structures
steepest flow photo.png --times 0.02,0.1,0.5  the flow at three times
steepest objects cells.tif --pixel-size 0.25  sizes and contrasts
steepest segment cells.tif --classes 3      classes by brightness, proven
steepest patches fit sharp.tif              learn from a good image
steepest restore bad.tif --model sharp.stpm  and restore others by it
steepest phase scan.tif --strength 0.35     wrapped phases, as of radar
steepest orientations map.ctf --strength 0.5  EBSD maps (.ctf, .ang)
steepest inpaint photo.png --unknown hole.png  fill what is white in hole.png
steepest mask sample:coffee                 choose 5 % of the pixels
steepest stipple photo.jpg -o dots.svg      the photograph in 10,000 dots
steepest strain before.tif after.tif -o strain  maps of strain, with errors
steepest compress sample:coffee             these pixels in coffee.stp
steepest app photo.jpg                      bands under sliders, in a browser

Notes
-----
Images: PNG, JPEG, WebP, GIF and other pictures, TIFF (several pages are a volume), NPY, files of
microscopes and scanners ("steepest[microscopy]"), folders of them, quoted globs ('scans/*.tif'),
and the bundled sample:camera, sample:coffee and sample:noisy-camera.

Exit codes: 0 all done; 1 an image failed, or did not converge with --strict; 2 bad usage or input;
130 interrupted (Ctrl-C).

"steepest COMMAND --help" explains each command with examples.
"""


def make_parser(names: Sequence[str] = COMMANDS) -> App:
    """Make the program with these commands, which are imported."""
    commands = {name: _command(name) for name in names}
    options = {"version": lambda: f"steepest {own_version()}", "version_flags": ["--version"]}
    app = make_program("steepest", commands, DESCRIPTION, **options)
    app.register_install_completion_command(help="Complete options and files with the Tab key.")
    return app


def _command(name: str) -> Command | Family:
    word = name.replace("-", "_")
    command: Command | Family = getattr(import_module(f".commands.{word}", __package__), word)
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Run a ``steepest`` command and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    one = words[0] if words and words[0] in COMMANDS else None
    return run(make_parser(COMMANDS if one is None else [one]), words)
