"""``steepest app``: an equaliser for images in the browser."""

from __future__ import annotations

import argparse

from ..core.limits import MAX_PIXELS
from .extras import need
from .options import add_max_pixels, from_zero
from .outcome import OK

HELP = "equaliser in the browser: one slider for each size of structure"
USAGE = "[IMAGE] [options]"
DESCRIPTION = """\
Open an equaliser for images in the browser. The image is split into bands of structures by contrast
and size; each has a slider, and the result is shown at once. Images can also be dropped onto the
page. The export is computed at full depth, and the page shows the Python code and the command that
compute the same image. Everything stays on this machine.
"""
EPILOG = """\
examples:
  steepest app photo.jpg              open a photograph
  steepest app                        open the page, then choose an image there
  steepest app scan.tif --no-browser  print the address only
  steepest app --port 8123            with a fixed port, for an SSH tunnel

Needs: pip install 'steepest[app]'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``steepest app``."""
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="file, or sample:coffee")
    group = parser.add_argument_group("server")
    group.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default 127.0.0.1: only this machine). The connection is not "
        "encrypted; over a network, rather use an SSH tunnel",
    )
    group.add_argument(
        "--port", type=from_zero, default=0, metavar="N", help="port (default: any free one)"
    )
    group.add_argument("--no-browser", action="store_true", help="do not open the browser")
    add_max_pixels(group, MAX_PIXELS)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    need("steepest app", ("starlette", "uvicorn"), "app")
    from steepest.app import serve
    from steepest.io import read_image

    image = arguments.image and read_image(arguments.image, max_pixels=arguments.max_pixels)
    serve(
        image or None,
        host=arguments.host,
        port=arguments.port,
        browse=not arguments.no_browser,
        max_pixels=arguments.max_pixels,
    )
    return OK
