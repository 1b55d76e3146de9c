"""The web server of the equaliser (Starlette).

Only pages that this server delivered can talk to it. Every request is checked for its Host (DNS
rebinding) and Origin, and requests to the session for a secret token, which is part of the URL
that the user opens, behind the ``#``. There are no cookies.
"""

import hmac
import logging
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..core.errors import InputError
from .files import PAGE, equaliser_text, page_text
from .tabs import Tabs
from .wire import pack, unpack

_log = logging.getLogger(__name__)
_BINARY = "application/octet-stream"
_LONGEST = 64  # name of a tab
MAX_BODY = 1 << 28  # bytes of a request: the largest image file
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_server(
    tabs: Tabs, token: str, hosts: Sequence[str], *, max_body: int = MAX_BODY
) -> ASGIApp:
    """The application: answers of ``tabs`` to requests with the ``token``, for these ``hosts``."""

    async def api(request: Request) -> Response:
        given = request.headers.get("x-steepest-token", "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return _refusal(403, "the token is missing or wrong: open the address again")
        if request.headers.get("content-type", _BINARY) != _BINARY:
            return _refusal(415, f"the request is not {_BINARY}")
        length = request.headers.get("content-length", "")
        if "transfer-encoding" in request.headers or not length.isdecimal():
            return _refusal(411, "the request does not state its length")
        if int(length) > max_body:
            return _refusal(413, f"the request has {int(length):,} bytes; allowed: {max_body:,}")
        try:
            fields, buffers = unpack(await request.body())
            op = request.path_params["op"]
            tab = request.headers.get("x-steepest-tab", "")[:_LONGEST]
            if op == "leave":
                tabs.leave(tab)
                return Response(status_code=204)
            session = await run_in_threadpool(tabs.session, tab)
            answer = await run_in_threadpool(session.handle, op, fields, buffers)
        except InputError as error:
            return _refusal(400, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        except MemoryError:
            return _refusal(507, "not enough memory")
        except Exception:
            _log.exception("request %s", request.path_params["op"])
            return _refusal(500, "something went wrong in the program; its terminal shows where")
        message = await run_in_threadpool(pack, *answer)
        return Response(message, media_type=_BINARY)

    routes: list[Any] = [Route("/api/{op}", api, methods=["POST"])]
    routes += [Route(path, _static(*file), methods=["GET"]) for path, file in PAGE.items()]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return _Guard(app, hosts)


def _static(name: str | None, kind: str) -> Any:
    async def deliver(request: Request) -> Response:
        text = equaliser_text() if name is None else page_text(name)
        return Response(text, headers={"Content-Type": kind})

    return deliver


class _Guard:
    """Refuse foreign hosts and origins, and add the headers that protect the page."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send) if scope["type"] == "lifespan" else None
            return
        request = Request(scope)

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        hosts, origins = map(request.headers.getlist, ("host", "origin"))
        app: ASGIApp = self._app
        if hosts not in [[host] for host in self._hosts]:
            app = _refusal(421, "this server answers only to its own address")
        elif origins not in ([], [f"http://{hosts[0]}"]):
            app = _refusal(403, "requests from other pages are refused")
        await app(scope, receive, guarded)


def _refusal(status: int, why: str) -> Response:
    return Response(pack({"error": why}), status, media_type=_BINARY)
