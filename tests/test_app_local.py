"""``steepest app`` as a program, and what is said without the packages it needs."""

import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from steepest import InputError
from steepest.app.launcher import install_launcher
from steepest.app.wire import pack, unpack
from steepest.io import Image, encode_image


def ask(url, token, op, fields=(), buffers=()):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    body = pack(dict(fields), buffers)
    connection.request("POST", f"/api/{op}", body, {"X-Steepest-Token": token})
    answer = connection.getresponse()
    return answer.status, unpack(answer.read())[0]


def listening(port):
    """The addresses on which this port listens, as Linux lists them."""
    lines = [
        line.split()
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in (Path(name).read_text().splitlines()[1:] if Path(name).exists() else ())
    ]
    sockets = [line[1].split(":") for line in lines if line[3] == "0A"]
    return [host for host, number in sockets if int(number, 16) == port]


@pytest.mark.skipif(os.name != "posix", reason="reads /proc and sends signals")
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_program_is_private_and_leaves_nothing(tmp_path, end):
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    folders = {key: tmp_path / key for key in ("TMPDIR", "HOME", "XDG_CACHE_HOME", "work")}
    for folder in folders.values():
        folder.mkdir()
    environment = {**os.environ, **{key: str(value) for key, value in folders.items()},
                   "BROWSER": "echo opened %s", "PYTHONUNBUFFERED": "1"}  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-m", "steepest.cli", "app", "sample:camera"],
        env=environment, stdout=subprocess.PIPE, text=True, cwd=folders["work"],
        # under nohup the tests ignore SIGHUP, and a child would inherit that
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    try:
        lines = [program.stdout.readline() for _ in range(3)]
        url = re.search(r"http://127\.0\.0\.1:\d+/#token=(\S+)", "".join(lines))
        opened = re.search(r"opened file://(\S+)", "".join(lines))
        file = Path(opened[1])
        assert url[1] not in opened[0]
        assert file.stat().st_mode & 0o777 == 0o600
        assert url[0] in file.read_text()
        status, answer = ask(url[0], url[1], "state")
        assert (status, answer["image"]["width"]) == (200, 512)
        assert ask(url[0], "guess", "state")[0] == 403
        command = Path(f"/proc/{program.pid}/cmdline")
        if command.exists():
            assert url[1].encode() not in command.read_bytes()
            assert listening(urlsplit(url[0]).port) == ["0100007F"]  # 127.0.0.1
        pixels = encode_image(Image(np.zeros((9, 9), np.uint8), "YX"), "a.png")
        assert ask(url[0], url[1], "open", {"name": "a.png"}, [pixels])[0] == 200
    finally:
        program.send_signal(getattr(signal, end))
        assert program.wait(30) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("system", "path"),
    [
        ("linux", ".local/share/applications/steepest.desktop"),
        ("darwin", "Applications/Steepest.command"),
        ("win32", "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Steepest.bat"),
    ],
)
def test_the_launcher_starts_this_environment(system, path, tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/my python/bin/python3")
    for _ in range(2):  # again: replaced
        written = install_launcher(tmp_path, system=system)
    assert written == tmp_path / path
    text = written.read_text()
    (line,) = [line for line in text.splitlines() if "python3" in line]
    line = line.removeprefix("Exec=").removeprefix("exec ")
    assert shlex.split(line)[:4] == ["/opt/my python/bin/python3", "-m", "steepest.cli", "app"]
    if system == "linux":
        icon = re.search("Icon=(.+)", text)[1]
        assert Path(icon).read_text().startswith("<svg")
        if tool := shutil.which("desktop-file-validate"):
            subprocess.run([tool, written], check=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_unsuitable_addresses_are_refused(host):
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    from steepest.app import serve

    with pytest.raises(InputError, match="host"):
        serve(host=host, browse=False)


def test_without_its_packages_one_line_says_what_to_install():
    start = "import sys; sys.modules['{}'] = None; "
    command = start.format("starlette") + "from steepest.cli.main import main; main(['app'])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stderr.splitlines() == [
        "steepest: error: steepest app needs starlette, which is not installed: "
        "pip install 'steepest[app]'"
    ]
    widget = start.format("anywidget") + "import steepest; steepest.app.equaliser"
    done = subprocess.run([sys.executable, "-c", widget], capture_output=True, text=True)
    assert "needs anywidget: pip install 'steepest[notebook]'" in done.stderr
