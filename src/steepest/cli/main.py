"""The entry point: parse arguments, run a command, report errors in one line, set the exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from steepest.core.errors import InputError

from . import (
    app,
    compress,
    decompose,
    decompress,
    denoise,
    filter,
    flow,
    info,
    inpaint,
    learn,
    mask,
    objects,
    orientations,
    phase,
    scale_map,
    segment,
    spectrum,
    stipple,
)
from .options import HelpFormatter
from .outcome import FAILED, INTERRUPTED, OK, USAGE, one_line, say_interrupted

COMMANDS: tuple[Any, ...] = (
    decompose,
    denoise,
    filter,
    flow,
    spectrum,
    objects,
    scale_map,
    segment,
    phase,
    orientations,
    inpaint,
    mask,
    stipple,
    compress,
    decompress,
    learn,
    app,
    info,
)
DESCRIPTION = """\
Certified total variation flow: denoise images, split them into structures by contrast and size,
and recombine these. Every result comes with a guaranteed bound on its distance to the exact result.
Sparse inpainting: fill in unknown pixels, or choose a small set of pixels to keep.
"""
EPILOG = """\
examples:
  steepest info sample:camera                    show what a file contains
  steepest denoise photo.jpg                     remove noise; the strength is found automatically
  steepest decompose sample:camera -o bands      split a bundled photograph into its structures
  steepest filter photo.png --high-pass 0.05     keep only small or faint structures
  steepest flow photo.png --times 0.02,0.1,0.5   the flow at three times
  steepest spectrum scan.tif                     how much structure there is at each scale
  steepest objects cells.tif --pixel-size 0.25   sizes and contrasts of all objects, as a table
  steepest segment cells.tif --classes 3         classes by brightness, each label proven
  steepest phase scan.tif --strength 0.35        wrapped phases, such as radar interferograms
  steepest orientations map.ctf --strength 0.5   crystal orientations (EBSD maps: .ctf, .ang)
  steepest inpaint photo.png --unknown hole.png  fill the pixels that are white in hole.png
  steepest mask sample:coffee                    choose 5 % of the pixels to keep
  steepest stipple photo.jpg -o dots.svg         the photograph in 10,000 dots, for print or plotter
  steepest compress sample:coffee                store these pixels in coffee.stp
  steepest app photo.jpg                         all bands under sliders, in the browser

images: PNG, JPEG, BMP, TIFF (8-bit, 16-bit, float; several pages are a volume) and NPY files,
folders of them, quoted globs ('scans/*.tif'), and the bundled sample:camera and sample:coffee.

exit codes: 0 all done; 1 an image failed, or did not converge with --strict; 2 bad usage or input;
130 interrupted (Ctrl-C).

"steepest COMMAND --help" explains each command with examples.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports errors in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=HelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"steepest: error: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Create the parser of all commands."""
    parser = Parser(
        prog="steepest",
        usage="steepest [-h] [--version] COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    version = f"steepest {info.version('steepest')}"
    parser.add_argument(
        "--version", action="version", version=version, help="print the version and exit"
    )
    parser.set_defaults(run=partial(_overview, parser), traceback=False)
    names = [module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS]
    modules = dict(zip(names, COMMANDS, strict=True))
    add_commands(parser, modules, metavar="COMMAND")
    return parser


def add_commands(parser: Parser, modules: Mapping[str, Any], **options: Any) -> None:
    """Add the commands of a program.

    Each command is a module with HELP, USAGE, DESCRIPTION, EPILOG, ``add_arguments`` and ``run``.
    """
    width = max(map(len, modules)) + 2
    commands = parser.add_subparsers(
        title="commands",
        description="\n".join(f"{name:<{width}}{module.HELP}" for name, module in modules.items()),
        dest="command",
        prog=parser.prog,
        help=argparse.SUPPRESS,
        **options,
    )
    for name, module in modules.items():
        _fill(commands.add_parser(name, **_texts(f"{parser.prog} {name}", module)), module)


def make_program(name: str, module: Any) -> Parser:
    """Create the parser of a stand-alone program from a module as in :func:`add_commands`."""
    parser = Parser(prog=name, **_texts(name, module))
    _fill(parser, module)
    return parser


def _texts(name: str, module: Any) -> dict[str, Any]:
    return {
        "usage": f"{name} {module.USAGE}",
        "description": module.DESCRIPTION,
        "epilog": module.EPILOG,
    }


def _fill(parser: argparse.ArgumentParser, module: Any) -> None:
    """Add the options of a module and its ``run`` function to a parser."""
    module.add_arguments(parser)
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error arose (for bug reports)"
    )
    parser.set_defaults(run=module.run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a ``steepest`` command and return the exit code."""
    from . import program

    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in program.COMMANDS:
        return program.main(words)
    return run(make_parser(), argv)


def run(parser: Parser, argv: Sequence[str] | None = None) -> int:
    """Run a program and return the exit code.

    The exit code is 0 on success, 1 if something failed, 2 for wrong usage or input, and 130 after
    Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else OK
    return _guarded(arguments)


def _overview(parser: Parser, arguments: argparse.Namespace) -> int:
    """Print the available commands if none is given."""
    parser.print_help(sys.stderr)
    return USAGE


def _guarded(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output has exited, as in "steepest ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        say_interrupted()
        return INTERRUPTED
    except Exception as error:
        if arguments.traceback:
            raise
        message = one_line(error).replace("overwrite=True", "--overwrite")
        print(f"steepest: error: {message}", file=sys.stderr)
        return USAGE if isinstance(error, InputError) else FAILED
