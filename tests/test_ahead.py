"""Compiling ahead in a second process."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from steepest.cli import ahead
from steepest.cli.main import COMMANDS
from steepest.io import sample, write_image

SCRIPT = """
import json, sys
from numba.core.dispatcher import Dispatcher
from steepest.cli.ahead import JOBS
from steepest.cli.main import main

def compiled():
    found = set()
    for name, module in list(sys.modules.items()):
        for each in vars(module).values() if name.startswith("steepest.") else ():
            if isinstance(each, Dispatcher):
                place = each.py_func.__module__ + "." + each.py_func.__name__
                found |= {(place, str(signature)) for signature in each.signatures}
    return found

for job in JOBS[sys.argv[1]]:
    job()
before = compiled()
code = main([*sys.argv[1:], "--overwrite", "--quiet"])
print(json.dumps([code, sorted(before), sorted(compiled() - before)]))
"""


@pytest.mark.parametrize(
    ("command", "place", "kind"),
    [
        ("mask colour.png -o mask.png", "steepest.elliptic.", ""),
        ("compress colour.png out.stp", "steepest.elliptic.", ""),
        ("compress colour.png out.stp", "steepest.compression.", ""),
        ("decompress in.stp out.png", "steepest.elliptic.", ""),
        ("decompose grey.png -o bands --no-figures", "steepest.convex.compiled.", "(Array(float64"),
        ("phase phase.npy --strength 0.35", "steepest.manifold.compiled.", "(Array(float64"),
    ],
)
def test_the_command_compiles_nothing_more_of_what_is_compiled_ahead(
    tmp_path: Path, command: str, place: str, kind: str
) -> None:
    """The jobs compile kernels for exactly the types that the command uses."""
    write_image(tmp_path / "colour.png", sample("coffee")[100:164, 200:248])
    write_image(tmp_path / "grey.png", sample("camera")[100:164, 200:248])
    write_image(tmp_path / "phase.npy", sample("interferogram")[:48, :48])
    if "in.stp" in command:
        pytest.importorskip("constriction")
        from steepest.compression import compress

        colour = sample("coffee")[100:164, 200:248]
        (tmp_path / "in.stp").write_bytes(compress(colour, 0.1, channel_axis=-1))
    words = [sys.executable, "-c", SCRIPT, *command.split()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    code, before, new = json.loads(done.stdout.splitlines()[-1])
    assert code == 0

    def ours(found: list[list[str]]) -> list[list[str]]:
        return [each for each in found if each[0].startswith(place) and each[1].startswith(kind)]

    assert ours(before)
    assert not ours(new)


def test_the_first_compilation_starts_the_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for commands that have something to compile ahead, and only with two threads."""
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **streams: started.append(words))
    logger, handlers = logging.getLogger("steepest"), list(logging.getLogger("steepest").handlers)
    assert set(ahead.JOBS) <= set(COMMANDS)

    def compile_with(threads: str, *words: str) -> int:
        started.clear()
        monkeypatch.setenv("STEEPEST_NUM_THREADS", threads)
        ahead.watch(words)
        path = Path("core/compiled.py")
        logger.handle(logger.makeRecord("steepest", logging.WARNING, str(path), 1, "", (), None))
        logger.handlers[:] = handlers
        return len(started)

    assert compile_with("2", "mask", "photo.png") == 1
    assert started[0][-2:] == ["steepest.cli.ahead", "mask"]
    assert compile_with("1", "mask", "photo.png") == 0
    assert compile_with("2", "info", "photo.png") == 0
    assert compile_with("2") == 0
