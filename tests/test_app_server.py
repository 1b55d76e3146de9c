"""What the server of the equaliser refuses, and what its answers say to the browser."""

import http.client
import socket
import threading
import time

import numpy as np
import pytest

from cases import bombs
from steepest.app.session import Session
from steepest.app.tabs import Tabs
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
    tabs = Tabs(lambda: Session(max_pixels=4000))
    app = make_server(tabs, TOKEN, [host], max_body=MOST)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield host
    server.should_exit = True
    thread.join()
    tabs.close()
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


def raw(address, path, lines="", body=b""):
    """What the server answers to these bytes before it closes the connection."""
    head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nX-Steepest-Token: {TOKEN}\r\n"
    if body:
        head += f"Content-Length: {len(body)}\r\n"
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"{head}Connection: close\r\n{lines}\r\n".encode("latin-1") + body)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


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
    paths = ("/", "/main.js", "/equaliser.js", "/logo.svg")
    bodies = [ask(address, path)[1] for path in paths]
    assert sum(map(len, bodies)) < 125_000
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


def test_each_tab_has_an_image_of_its_own(address):
    for tab, width in (("one", 6), ("two", 9)):
        file = encode_image(Image(np.zeros((5, width), np.uint8), "YX"), "a.png")
        assert send(address, "open", {"name": "a.png"}, [file], X_Steepest_Tab=tab)[0] == 200
    for tab, width in (("one", 6), ("two", 9)):
        _, body, _ = send(address, "state", X_Steepest_Tab=tab)
        assert unpack(body)[0]["image"]["width"] == width
    assert send(address, "leave", X_Steepest_Tab="two")[0] == 204
    _, body, _ = send(address, "state", X_Steepest_Tab="two")  # loaded again
    assert unpack(body)[0]["image"]["width"] == 9


FOREIGN = ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://[::1", "http://[x]"]


def test_403_from_another_origin(address):
    own = f"http://{address}"
    for origin in (*FOREIGN, f"https://{address}", f"http://evil@{address}", f"{own}.evil.example"):
        assert send(address, "state", Origin=origin)[0] == 403
    assert send(address, "state", Origin=own)[0] == 200
    two = f"Origin: {own}\r\nOrigin: http://evil.example\r\n"
    assert raw(address, "/api/state", two, pack({})).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    ("status", "header", "values"),
    [
        (403, "X_Steepest_Token", ["", "wrong", "secre", "secret2"]),
        (415, "Content_Type", [  # what forms of other pages can send
            "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]),
        (421, "Host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", ""]),
    ],
)  # fmt: skip
def test_headers_that_are_refused(address, status, header, values):
    for value in values:
        assert send(address, "state", **{header: value})[0] == status
        assert status != 421 or ask(address, "/", Host=value)[0] == 421


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
    assert raw(address, "/api/state").startswith(b"HTTP/1.1 411")  # neither length nor body
    both = "Transfer-Encoding: chunked\r\n"
    assert raw(address, "/api/state", both, pack({})).startswith(b"HTTP/1.1 411")


def test_400_for_lengths_that_are_not_numbers(address):
    for length in ("-1", "1e3", "0x10", "\xb2", "9" * 5000, "3\r\nContent-Length: 4"):
        answer = raw(address, "/api/state", f"Content-Length: {length}\r\n")
        assert answer.startswith(b"HTTP/1.1 400")


def test_refusals_carry_the_headers_that_protect_the_page(address):
    refused = [
        ask(address, "/nothing"), ask(address, "/", Host="evil.example"),
        ask(address, "/api/state"), send(address, "state", Origin="null"), send(address, "nothing"),
    ]  # fmt: skip
    assert [status for status, _, _ in refused] == [404, 421, 405, 403, 400]
    for _, _, headers in refused:
        assert headers["content-security-policy"].startswith("default-src 'none';")
        assert headers["x-content-type-options"] == "nosniff"
        assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "/index.html/..", "/session.py",
             "/page/main.js", "//etc/passwd", "/docs", "/openapi.json", "/main.js/", "/main.js%00",
             "/MAIN.JS", "/..%5c..%5cetc", "/api/", "/api/state/x", "/api/..%2fstate", "*"]
)  # fmt: skip
def test_404_for_anything_but_the_page(address, path):
    assert ask(address, path)[0] == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"abc", b"\xff\xff\xff\xff", b"\x02\0\0\0{", b"\x02\0\0\0[]", b"\x03\0\0\0{a}",
     b'\x0b\0\0\0{"sizes":1}', b'\x0d\0\0\0{"sizes":[9]}', b'\x0e\0\0\0{"sizes":[-1]}',
     b'\x09\0\0\0{"x":NaN}', b'\x0f\0\0\0{"x":-Infinity}', b"\x08\0\0\0" + b"[" * 8,
     b"\x60\xea\0\0" + b"[" * 60000, b"\x88\x13\0\0" + b"9" * 5000,
     b'\x0e\0\0\0{"sizes":[0.5]}', b"\x07\0\0\0{\"\xff\":1}"],
)  # fmt: skip
def test_400_for_malformed_messages(address, body):
    assert ask(address, "/api/state", body, "POST", X_Steepest_Token=TOKEN)[0] == 400


def test_400_for_unknown_operations(address):
    for op in ("delete", "__init__", "handle", "open%00", "state ".replace(" ", "%20")):
        status, body, _ = send(address, op)
        assert status == 400
        assert "op=" in unpack(body)[0]["error"]


BOMBS = [
    *((name, file, "max_pixels") for name, file in bombs.too_large().items()),
    ("a.png", bombs.png(80, 50, 8, 0)[:50], "a.png"),  # claims more than it holds
    ("a.npy", bombs.npy((3, 3), "|O"), "a.npy"),
    ("a.png", encode_image(Image(np.zeros((64, 64), np.uint8), "YX"), "a.png"), "max_pixels"),
    ("a.gif", b"GIF89a" + bytes(99), "damaged or not readable"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a supported image"),
    ("a.png", b"", "a.png"),
]


@pytest.mark.parametrize(("name", "file", "message"), BOMBS, ids=[name for name, *_ in BOMBS])
def test_400_for_bombs_and_files_of_other_kinds(address, name, file, message):
    status, body, _ = send(address, "open", {"name": name}, [file])
    assert status == 400
    assert message in unpack(body)[0]["error"]


@pytest.mark.parametrize(
    "name", ["", "a\nb.png", "a\0.png", "\x1b[31m.png", "a" * 256, 3, None, ["a"]]
)
def test_400_for_names_that_are_not_names(address, name):
    file = encode_image(Image(np.zeros((5, 5), np.uint8), "YX"), "a.png")
    status, body, _ = send(address, "open", {"name": name}, [file])
    assert status == 400
    assert "name=" in unpack(body)[0]["error"]


def test_messages_survive_the_wire():
    fields, buffers = {"a": [1, None, "ü"]}, [b"", b"abc"]
    assert unpack(pack(fields, buffers)) == (fields, buffers)
    with pytest.raises(InputError):
        unpack(pack(fields, buffers) + b"x")
