"""Ctrl-C at any moment: one line, exit code 130, nothing half-written, and no long wait."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")

# What Python has loaded when the signal is sent (-X importtime tells), and so many seconds later.
MOMENTS = {
    "loading the command": ("steepest.cli.parser", 0.0),
    "loading numba": ("numba.core.errors", 0.0),
    "beginning to compile": ("steepest.convex.compiled.strips", 0.3),
    "compiling": ("steepest.convex.compiled.strips", 1.5),
    "compiling more": ("steepest.convex.compiled.strips", 4.0),
}


def _heed() -> None:
    """Heed the signal even if the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt(words: list[str], folder: Path, module: str, later: float) -> tuple[int, list[str]]:
    """Run a command with nothing compiled before; its exit code, and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "steepest.cli", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")},
        preexec_fn=_heed,
    )
    assert process.stderr is not None
    assert any(line.endswith(f" {module}\n") for line in process.stderr)
    time.sleep(later)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    told = [x for x in errors.splitlines() if x and not x.startswith("import time:")]
    return process.returncode, [*output.splitlines(), *told]


@pytest.mark.parametrize(
    "moment", [*list(MOMENTS)[:-1], pytest.param("compiling more", marks=pytest.mark.slow)]
)
def test_ctrl_c_ends_a_command_in_one_line(tmp_path: Path, moment: str) -> None:
    words = ["decompose", "sample:camera", "--steps", "300", "-o", "out"]
    code, told = interrupt(words, tmp_path, *MOMENTS[moment])
    assert told == ["steepest: interrupted"]
    assert code == 130
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}


SWALLOWED = {
    "a destructor": """
class Late:
    def __del__(self):
        raise KeyboardInterrupt
swallow = Late
""",
    "a callback of C": """
import ctypes
def callback():
    raise KeyboardInterrupt
swallow = ctypes.CFUNCTYPE(None)(callback)
""",
}


@pytest.mark.parametrize("place", SWALLOWED)
def test_an_interrupt_that_python_ignores_is_raised_again(place: str) -> None:
    program = f"""
import time
from steepest.cli import main as module
from steepest.cli.__main__ import program
{SWALLOWED[place]}
def main():
    try:
        swallow()
        time.sleep(20)
        print("went on")
    finally:
        print("cleaned up", flush=True)
    return 0

module.main = main
program()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "steepest: interrupted\n"
    assert (done.returncode, done.stdout) == (130, "cleaned up\n")
