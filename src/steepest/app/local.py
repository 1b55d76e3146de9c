"""Run the equaliser in the browser, on this machine."""

import html
import os
import secrets
import signal
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..core.errors import InputError
from ..core.limits import MAX_PIXELS
from ..core.numbers import check_count
from ..io import Image
from .session import Session
from .tabs import Tabs

LOCAL = "127.0.0.1"


def serve(
    image: Image | None = None,
    *,
    host: str = LOCAL,
    port: int = 0,
    browse: bool = True,
    max_pixels: int = MAX_PIXELS,
    say: Callable[[str], object] = print,
) -> None:
    """Open the equaliser in the browser, and return when it is interrupted (Ctrl-C).

    Parameters
    ----------
    image : steepest.io.Image, optional
        The image to begin with, such as from `steepest.io.read_image`.
    host : str
        The address to listen on. By default, only this machine can connect. Anyone who can reach
        another address and knows the URL, which holds a secret token, can use the application; the
        connection is not encrypted.
    port : int
        The port, or 0 for any free one.
    browse : bool
        Whether to open the browser. If not, open the URL that is printed.
    max_pixels : int
        The largest number of pixels times channels of an image.
    say : callable
        Called with the URL.

    Raises
    ------
    InputError
        If the image cannot be shown, or the address is not available.
    ModuleNotFoundError
        If starlette or uvicorn is not installed (``pip install "steepest[app]"``).
    """
    try:
        import uvicorn

        from .server import make_server
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the equaliser needs {error.name}: pip install 'steepest[app]'", name=error.name
        ) from None
    check_count(port, "port", least=0, most=65535)
    if host in ("", "0.0.0.0", "::"):
        raise InputError(f"host={host!r}: name the one address of this machine to listen on")
    tabs = Tabs(lambda: Session(image, max_pixels=max_pixels))
    token = secrets.token_urlsafe(32)
    try:
        with _listening(host, port) as listener:
            bound = listener.getsockname()[1]
            address = _bracket(host) + (f":{bound}" if bound != 80 else "")  # as browsers do
            hosts = [address]
            if host == LOCAL:
                hosts.append(address.replace(LOCAL, "localhost"))
            url = f"http://{address}/#token={token}"
            say(f"equaliser at {url}\n(Ctrl-C ends it)")
            config = uvicorn.Config(
                make_server(tabs, token, hosts), log_level="critical", server_header=False,
                access_log=False, lifespan="off", ws="none", proxy_headers=False,
                timeout_graceful_shutdown=2,
            )  # fmt: skip
            with ExitStack() as stack:
                stack.enter_context(_interruptible())
                if browse:
                    webbrowser.open(stack.enter_context(_redirect(url)).as_uri())
                uvicorn.Server(config).run(sockets=[listener])
    finally:
        tabs.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and closing the terminal end the block, so that it is tidied up."""
    main = threading.current_thread() is threading.main_thread()
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP") if main]
    taken = [each for each in numbers if each and signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with suppress(KeyboardInterrupt):  # uvicorn raises it again after shutting down
            yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"host={host!r}, port={port}: cannot listen there: {reason}") from None
        listener.listen(64)
        yield listener


@contextmanager
def _redirect(url: str) -> Iterator[Path]:
    """A file that only the user can read, until the end, and that leads to the URL.

    The list of processes, which everybody can read, then does not show the token.
    """
    number, name = tempfile.mkstemp(prefix="steepest-", suffix=".html")
    with os.fdopen(number, "w", encoding="utf-8") as file:  # mode 0600
        file.write(
            '<!doctype html><meta charset="utf-8"><title>steepest</title>'
            f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">'
            f'<a href="{html.escape(url)}">Open the equaliser</a>'
        )
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
