"""``steepest app`` as a program, and what is said without the packages it needs."""

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from steepest import InputError
from steepest.app.wire import pack, unpack


def state(url, token):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", "/api/state", pack({}), {"X-Steepest-Token": token})
    answer = connection.getresponse()
    return answer.status, unpack(answer.read())[0]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_program_opens_a_private_file_and_leaves_nothing(tmp_path, end):
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BROWSER": "echo opened %s",
                   "PYTHONUNBUFFERED": "1"}  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-m", "steepest.cli", "app", "sample:camera"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = [program.stdout.readline() for _ in range(3)]
        url = re.search(r"http://127\.0\.0\.1:\d+/#token=(\S+)", "".join(lines))
        opened = re.search(r"opened file://(\S+)", "".join(lines))
        file = Path(opened[1])
        assert url[1] not in opened[0]
        assert file.stat().st_mode & 0o777 == 0o600
        assert url[0] in file.read_text()
        status, answer = state(url[0], url[1])
        assert (status, answer["image"]["width"]) == (200, 512)
        assert state(url[0], "guess")[0] == 403
    finally:
        program.send_signal(end)
        assert program.wait(30) == 0
    assert not file.exists()


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
