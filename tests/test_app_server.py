"""What the server of the equaliser refuses, and what its answers say to the browser."""

import http.client
import socket
import threading
import time

import numpy as np
import pytest

from steepest.app.session import Session
from steepest.app.wire import pack, unpack
from steepest.core.errors import InputError
from steepest.io import Image, encode_image

pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")

TOKEN = "secret"
MOST = 1 << 20


@pytest.fixture(scope="module")
def address():
    from steepest.app.server import make_server

    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    session = Session(max_pixels=4000)
    app = make_server(session, TOKEN, [host], max_body=MOST)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield host
    server.should_exit = True
    thread.join()
    session.close()
    listener.close()


def ask(address, path, body=None, method=None, **headers):
    connection = http.client.HTTPConnection(address, timeout=20)
    method = method or ("GET" if body is None else "POST")
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def send(address, op, fields=(), buffers=(), **headers):
    headers = {"X_Steepest_Token": TOKEN, **headers}
    return ask(address, f"/api/{op}", pack(dict(fields), buffers), **headers)


def test_page_and_session_answer(address):
    for path in ("/", "/main.js", "/equaliser.js"):
        status, body, headers = ask(address, path)
        assert status == 200
        assert body
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    status, body, headers = send(address, "state")
    assert status == 200
    assert unpack(body)[0]["image"] is None
    assert headers["cache-control"] == "no-store"


def test_the_page_is_small_and_asks_nobody_else(address):
    bodies = [ask(address, path)[1] for path in ("/", "/main.js", "/equaliser.js")]
    assert sum(map(len, bodies)) < 100_000
    text = b"".join(bodies).replace(b"http://www.w3.org/2000/svg", b"")
    assert b"http://" not in text
    assert b"https://" not in text


def test_images_are_opened_from_the_request(address):
    pixels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    status, body, _ = send(
        address, "open", {"name": "a.png"}, [encode_image(Image(pixels, "YX"), "a.png")]
    )
    assert status == 200
    assert unpack(body)[0]["image"]["width"] == 6


@pytest.mark.parametrize("token", ["", "wrong", "secre", "secret2"])
def test_403_without_the_token(address, token):
    assert send(address, "state", X_Steepest_Token=token)[0] == 403


def test_403_from_another_origin(address):
    for origin in ("http://evil.example", "null", f"https://{address}", "http://127.0.0.1:1"):
        assert send(address, "state", Origin=origin)[0] == 403
    assert send(address, "state", Origin=f"http://{address}")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", ""])
def test_421_for_another_host(address, host):
    for path in ("/", "/api/state"):
        assert ask(address, path, Host=host)[0] == 421


def test_413_for_a_long_body(address):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.putrequest("POST", "/api/open")
    connection.putheader("X-Steepest-Token", TOKEN)
    connection.putheader("Content-Length", str(MOST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_411_for_a_chunked_body(address):
    headers = {"X_Steepest_Token": TOKEN, "Transfer_Encoding": "chunked"}
    assert ask(address, "/api/state", iter([b"abc"]), "POST", **headers)[0] == 411


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "/index.html/..", "/session.py",
             "/page/main.js", "//etc/passwd", "/docs", "/openapi.json"]
)  # fmt: skip
def test_404_for_anything_but_the_page(address, path):
    assert ask(address, path)[0] == 404


def test_405_for_reading_the_api_with_get(address):
    assert ask(address, "/api/state", X_Steepest_Token=TOKEN)[0] == 405


@pytest.mark.parametrize(
    "body",
    [b"", b"abc", b"\xff\xff\xff\xff", b"\x02\0\0\0{", b"\x02\0\0\0[]", b"\x03\0\0\0{a}",
     b'\x0b\0\0\0{"sizes":1}', b'\x0d\0\0\0{"sizes":[9]}', b'\x0e\0\0\0{"sizes":[-1]}',
     b'\x09\0\0\0{"x":NaN}', b"\x08\0\0\0" + b"[" * 8],
)  # fmt: skip
def test_400_for_malformed_messages(address, body):
    assert ask(address, "/api/state", body, "POST", X_Steepest_Token=TOKEN)[0] == 400


def test_400_for_unknown_operations_and_bombs(address):
    assert send(address, "delete")[0] == 400
    assert send(address, "__init__")[0] == 400
    bomb = encode_image(Image(np.zeros((3000, 3000), np.uint8), "YX"), "a.png")
    status, body, _ = send(address, "open", {"name": "a.png"}, [bomb])
    assert status == 400
    assert "max_pixels" in unpack(body)[0]["error"]
    assert send(address, "open", {"name": "a.png"}, [b"\x93NUMPY" + b"x" * 99])[0] == 400


def test_messages_survive_the_wire():
    fields, buffers = {"a": [1, None, "ü"]}, [b"", b"abc"]
    assert unpack(pack(fields, buffers)) == (fields, buffers)
    with pytest.raises(InputError):
        unpack(pack(fields, buffers) + b"x")
