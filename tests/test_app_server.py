"""What the server of the equaliser refuses, and what its answers say to the browser."""

import http.client
import io
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
import tifffile

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


FOREIGN = ["http://evil.example", "null", "", "http://127.0.0.1:1", "http://[::1", "http://[x]"]


def test_403_from_another_origin(address):
    own = f"http://{address}"
    for origin in (*FOREIGN, f"https://{address}", f"http://evil@{address}", f"{own}.evil.example"):
        assert send(address, "state", Origin=origin)[0] == 403
    assert send(address, "state", Origin=own)[0] == 200
    two = f"Origin: {own}\r\nOrigin: http://evil.example\r\n"
    assert raw(address, "/api/state", two, pack({})).startswith(b"HTTP/1.1 403")


def test_415_for_what_forms_of_other_pages_can_send(address):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert send(address, "state", Content_Type=kind)[0] == 415


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


def test_405_for_reading_the_api_with_get(address):
    assert ask(address, "/api/state", X_Steepest_Token=TOKEN)[0] == 405


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


def png(width, height):
    """A PNG file of a few bytes that claims this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def npy(header):
    """An NPY file that holds nothing but this header."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def tiff(pixels):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, compression="zlib")
    return file.getvalue()


FLAT = np.zeros((3000, 3000), np.uint8)
BOMBS = [
    ("a.png", encode_image(Image(FLAT, "YX"), "a.png"), "max_pixels"),
    ("a.png", png(60000, 60000), "max_pixels"),
    ("a.png", png(80, 50), "a.png"),  # claims more than it holds
    ("a.tif", tiff(FLAT), "max_pixels"),
    ("a.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 60000)}"), "a.npy"),
    ("a.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (3, 3)}"), "a.npy"),
    ("a.npy", npy("__import__('os').system('true')"), "a.npy"),
    ("a.png", encode_image(Image(FLAT[:64, :64], "YX"), "a.png"), "max_pixels"),  # 96 too many
    ("a.gif", b"GIF89a" + bytes(99), "not a supported image"),
    ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a supported image"),
    ("a.png", b"", "a.png"),
]


@pytest.mark.parametrize(("name", "file", "message"), BOMBS)
def test_400_for_bombs_and_files_of_other_kinds(address, name, file, message):
    assert len(file) < 20_000
    status, body, _ = send(address, "open", {"name": name}, [file])
    assert status == 400
    assert message in unpack(body)[0]["error"]


@pytest.mark.parametrize(
    "name", ["", "a\nb.png", "a\0.png", "\x1b[31m.png", "a" * 256, 3, None, ["a"]]
)
def test_400_for_names_that_are_not_names(address, name):
    file = encode_image(Image(FLAT[:5, :5], "YX"), "a.png")
    status, body, _ = send(address, "open", {"name": name}, [file])
    assert status == 400
    assert "name=" in unpack(body)[0]["error"]


def test_messages_survive_the_wire():
    fields, buffers = {"a": [1, None, "ü"]}, [b"", b"abc"]
    assert unpack(pack(fields, buffers)) == (fields, buffers)
    with pytest.raises(InputError):
        unpack(pack(fields, buffers) + b"x")
