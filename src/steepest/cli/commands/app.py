"""``steepest app``: an equaliser for images in the browser."""

from typing import Annotated

from cyclopts import Parameter

from steepest.core.limits import MAX_PIXELS
from steepest.io import read_image

from .. import choices
from ..extras import need
from ..types import Count, FileName, FromZero


def app(
    image: Annotated[FileName | None, Parameter(name="IMAGE")] = None,
    /,
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: FromZero = 0,
    no_browser: bool = False,
    install_launcher: bool = False,
    max_pixels: Count = MAX_PIXELS,
    reporting: choices.Reporting = choices.Reporting(),
) -> None:
    """Equaliser in the browser: one slider for each size of structure.

    The image is split into bands of structures by contrast and size; each has a slider, and the
    result is shown at once. Without an image, a start page opens, onto which images can be
    dropped. The page also removes noise, repairs scratches, and finds objects and regions. The
    export is computed at full depth, and the page shows the Python code and the command that
    compute the same image. Everything stays on this machine.

    Parameters
    ----------
    image
        file, or sample:coffee
    host
        address to listen on (only this machine). The connection is not encrypted; over a network,
        rather use an SSH tunnel
    port
        port; 0 is any free one
    no_browser
        do not open the browser
    install_launcher
        put Steepest into the menu of the desktop (macOS: the folder Applications), and end
    max_pixels
        largest file to read, in pixels times channels

    Examples
    --------
    steepest app photo.jpg              open a photograph
    steepest app                        open the page, then choose an image there
    steepest app scan.tif --no-browser  print the address only
    steepest app --port 8123            with a fixed port, for an SSH tunnel
    steepest app --install-launcher     to start it without a terminal from now on

    Notes
    -----
    Needs: pip install 'steepest[app]'
    """
    need("steepest app", "app")
    from steepest.app import serve
    from steepest.app.launcher import install_launcher as install

    if install_launcher:
        print(f"Steepest is in the menu now: {install()}")
        return
    opened = read_image(image, max_pixels=max_pixels) if image else None
    serve(opened, host=host, port=port, browse=not no_browser, max_pixels=max_pixels)
