"""The command in a shell: ``info``, processes, pipes, progress on a terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pillow

import steepest
from cases.terminal import one_error
from steepest.cli.commands.patches import patches
from steepest.cli.main import COMMANDS, main, make_parser
from steepest.cli.progress import progress
from steepest.core.progress import Progress
from steepest.inpainting.masks import MaskStep
from steepest.io import sample

pytestmark = pytest.mark.usefixtures("here")


def test_info(photo, capsys):
    Pillow.fromarray(sample("coffee")[:32, :40]).save("a.png", dpi=(254, 254))
    assert main(["info", "a.png", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    record = document["results"][0]
    assert record["shape"] == [32, 40, 3]
    assert record["dtype"] == "uint8"
    assert record["channel_axis"] == -1
    assert record["pixel_size"] == pytest.approx([1 / 254, 1 / 254], rel=1e-4)
    assert record["pixel_unit"] == "inch"
    expected = steepest.estimate_noise(sample("coffee")[:32, :40], channel_axis=-1)
    assert record["noise"] == pytest.approx(expected)
    assert document["steepest"].startswith(steepest.__version__)
    assert document["threads"] >= 1
    assert main(["info", "a.png"]) == 0
    out = capsys.readouterr().out
    assert "32 x 40, uint8, 3 channels" in out
    assert "254 dpi" in out
    assert "numba" in out


def test_help_teaches_by_valid_examples(capsys):
    app = make_parser()
    below = [["patches", name] for name in patches.commands]
    for words in ([], *below, *([name] for name in COMMANDS)):
        assert main([*words, "--help"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 100
        examples = [line.strip() for line in lines if line.startswith("  steepest ")]
        assert len(examples) >= 2
        for example in examples:
            assert len(example) <= 78  # on any terminal
            command = shlex.split(example.split("  ")[0])[1:]
            app.parse_args(command, exit_on_error=False, print_error=False)


def test_help_without_a_command(capsys):
    assert main([]) == 2
    assert "examples:" in capsys.readouterr().err
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"steepest {steepest.__version__}")


def test_every_command_and_option_has_a_help():
    app = make_parser()
    one = {name: app[name] for name in COMMANDS if app[name].default_command}
    for name, own in {**one, **{word: app["patches"][word] for word in patches.commands}}.items():
        assert own.help.splitlines()[0].endswith(".")
        for argument in own.assemble_argument_collection(parse_docstring=True):
            shown = argument.show and not argument.children
            assert argument.parameter.help or not shown, (name, argument.name)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["denois", "a.png"], '"denoise"'),
        (["denoise", "a.png", "--strenght", "1"], "--strength"),
        (["inpaint", "a.png", "--method", "biharmonik"], '"biharmonic"'),
    ],
)
def test_what_was_meant_is_suggested(words, meant, capsys):
    assert main(words) == 2
    err = one_error(capsys)
    assert f"Did you mean {meant}?" in err


def test_of_an_option_given_twice_the_last_counts(photo, capsys):
    assert main(["info", "photo.png", "--max-pixels", "3", "--max-pixels", "9999", "-q"]) == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_options_choices_and_files(photo, tmp_path):
    Path("complete.sh").write_text(make_parser().generate_completion(shell="bash"))
    for words, found in {
        "steepest deno": "denoise",
        "steepest denoise --stren": "--strength",
        "steepest denoise --format t": "tif",
        "steepest denoise pho": "photo.png",
        "steepest inpaint a.png --known pho": "photo.png",
    }.items():
        script = f"""source complete.sh; COMP_WORDS=({words}); COMP_LINE="{words}"
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_POINT=${{#COMP_LINE}}
            _steepest; echo "${{COMPREPLY[*]}}" """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == (found, "")


def run_process(*command):
    """Run Python from another folder, with the package where it is found now."""
    where = str(Path(steepest.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": where}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env=environment
    )


def test_as_a_process():
    done = run_process("-m", "steepest.cli", "info", "nothing.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "steepest: error: nothing.png: no such file or folder\n"


def test_the_command_line_loads_no_numerics():
    code = (
        "import sys, steepest.cli.main\n"
        "bad = {'numba', 'torch', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = run_process("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.fixture(autouse=True)
def terminal_that_draws(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


class Terminal:
    """A stream that says it is a terminal and remembers what was drawn."""

    def __init__(self, isatty):
        self._isatty, self.drawn = isatty, ""

    def isatty(self):
        return self._isatty

    def write(self, text):
        self.drawn += text
        return len(text)

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("terminal", "seconds", "visible"), [(True, 1.7, True), (True, 0.1, False), (False, 1.7, False)]
)
def test_progress_is_drawn_on_terminals_after_a_second(monkeypatch, terminal, seconds, visible):
    stream = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("photo.png"):
        time.sleep(seconds)
    assert ("photo.png" in stream.drawn) == visible


def draw_at_once(monkeypatch):
    """A terminal on which progress is drawn without delay."""
    stream = Terminal(True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("steepest.cli.progress._DELAY", 0.0)
    return stream


@pytest.mark.parametrize(
    ("reports", "drawn"),
    [
        ([SimpleNamespace(step=k, num_steps=5, gap=1e-3) for k in (1, 2, 3)], "3/5, gap 1.0e-03"),
        ([Progress(k, 0, 0.0123) for k in (1, 2, 3)], "step 3, residual 1.2e-02"),
        ([Progress(k, 0, 0.0123) for k in (3, 1)], "step 1, residual 1.2e-02"),  # another page
        ([Progress(3, 3, stage="choosing the time steps")], "choosing the time steps"),  # no end
        ([MaskStep(1, 0, 500, 100, 0.0123)], "500 pixels, goal 100, error 0.0123"),
    ],
    ids=["counted", "not counted", "pages", "stage", "mask"],
)
def test_progress_says_what_is_reported(monkeypatch, reports, drawn):
    terminal = draw_at_once(monkeypatch)
    with progress("photo.png", then="bands") as on_step:
        for report in reports:
            on_step(report)
            time.sleep(0.3)
    assert drawn in terminal.drawn
    assert "bands" not in terminal.drawn


def test_progress_names_the_stages_and_what_follows_them(monkeypatch):
    terminal = draw_at_once(monkeypatch)
    with progress("photo.png", then="bands") as on_step:
        for report in (
            Progress(1, 0, 0.5, "finding the last time"),
            Progress(2, 4, stage="flow"),
            Progress(3, 4, stage="flow"),
            Progress(4, 4, stage="flow"),
        ):
            on_step(report)
            time.sleep(0.4)
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.drawn).split("\r")
    wanted = ["finding the last time, step 1", "flow 33 %, 1/3", "flow 66 %, 2/3", "bands"]
    found = [next(i for i, text in enumerate(drawn) if word in text) for word in wanted]
    assert found == sorted(found)
    assert "left]" in terminal.drawn
    assert "100 %" not in terminal.drawn
    assert not drawn[-1].strip()  # wiped


def test_compiling_is_told_of_where_a_function_is_not_in_the_cache(monkeypatch):
    import numba

    terminal = draw_at_once(monkeypatch)

    @numba.njit
    def function(x):
        return x + 1

    with progress("photo.png"):
        function(1)
        time.sleep(0.05)
    assert "compiling" in terminal.drawn
    terminal.drawn = ""
    with progress("photo.png"):
        function(1)
        time.sleep(0.05)
    assert "photo.png" in terminal.drawn
    assert "compiling" not in terminal.drawn


def test_nobody_listens_where_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    with progress("photo.png") as on_step:
        assert on_step is None


@pytest.mark.parametrize(
    "words",
    [
        ["inpaint", "photo.png", "--known", "mask.png"],
        ["inpaint", "photo.png", "--known", "mask.png", "--method", "biharmonic"],
        ["mask", "photo.png", "--method", "densify"],
        ["denoise", "photo.png", "--strength", "0.1"],
        ["flow", "photo.png", "--times", "0.1"],
        ["decompose", "photo.png", "--no-figures"],
    ],
    ids=" ".join,
)
def test_commands_that_take_long_show_progress(photo, monkeypatch, words):
    from contextlib import contextmanager

    from steepest.cli.progress import _words
    from steepest.io import write_image

    write_image("mask.png", np.uint8(255 * (np.random.default_rng(0).random(photo.shape) < 0.2)))
    steps = []

    @contextmanager
    def recorded(label, *, enabled, **more):
        yield steps.append

    monkeypatch.setattr("steepest.cli.report.progress", recorded)
    assert main(words) == 0
    assert steps
    assert all(_words(step) for step in steps)


def test_noise_of_large_images_is_that_of_their_middle(here, monkeypatch, capsys):
    from steepest.cli.commands import info

    noise = np.random.default_rng(0).standard_normal((64, 90)).astype(np.float32)
    noise[:16] = noise[48:] = noise[:, :29] = noise[:, 61:] = 0
    np.save("a.npy", noise)
    monkeypatch.setattr(info, "_ENOUGH", 32 * 32)
    assert main(["info", "a.npy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"][0]["noise"]
    assert found == steepest.estimate_noise(noise[16:48, 29:61])
    assert found > 0.9


def test_info_has_a_word_on_data_of_fewer_than_16_bits(here, capsys):
    for top, word in ((4000, "12-bit data: --range 0 4095"), (65000, None), (200, None)):
        np.save("a.npy", np.array([[0, 1], [2, top]], np.uint16))
        assert main(["info", "a.npy"]) == 0
        out = capsys.readouterr().out
        assert word in out if word else "--range" not in out


def test_compiling_is_said_once_in_python(monkeypatch, caplog):
    import numba

    from steepest.core.compiled import notice

    monkeypatch.setattr(notice, "told", False)
    for module in ("other", "steepest.made", "steepest.made"):
        names = {"__name__": module}
        exec("def function(x):\n    return x + 1", names)
        numba.njit(names["function"])(1)
    assert [each.name for each in caplog.records] == ["steepest"]
    assert "'steepest compile' compiles everything" in caplog.text


@pytest.mark.usefixtures("here")
def test_compile_runs_examples_of_every_kind(monkeypatch, capsys):
    """Every command of its table is one that exists, and works in any folder."""
    from steepest.cli.commands import compile as module

    app = make_parser()
    for command in module.WORK:
        words = [*shlex.split(command), "--overwrite", "--quiet"]
        app.parse_args(words, exit_on_error=False, print_error=False)
    few = ("flow grey.png --times 0.02", "compress grey.png", "flow absent.png --times 1")
    monkeypatch.setattr(module, "find_spec", lambda name: None)  # no constriction
    monkeypatch.setattr(module, "WORK", few[:2])
    assert main(["compile"]) == 0
    assert "left out: compress and decompress" in capsys.readouterr().out
    monkeypatch.setattr(module, "WORK", few)
    assert main(["compile"]) == 1
    out = capsys.readouterr().out
    assert "failed: flow absent.png --times 1: steepest: error: absent.png: no such file" in out
    assert os.listdir() == []


def test_help_is_a_command_too(capsys):
    assert main(["help", "denoise"]) == 0
    assert capsys.readouterr().out.startswith("Usage: steepest denoise")


@pytest.mark.usefixtures("photo")
def test_files_and_samples_that_were_meant(capsys):
    for name, meant in (("foto.png", "photo.png"), ("sample:camra", "camera")):
        assert main(["denoise", name]) == 2
        assert one_error(capsys).endswith(f"Did you mean {meant}?\n")
    assert main(["inpaint", "photo.png", "--unknown", "phot.png"]) == 2
    assert "Did you mean photo.png?" in one_error(capsys)
    for words, meant in (
        (["denoise", "photo.png", "clean.png"], "(to write there: -o clean.png)"),
        (["flow", "photo.png", "--times", "0.1", "0.2"], "with commas, 0.1,0.2)"),
        (["denoise", "photo.png", "-o", "clean.pgn"], "Did you mean .png?"),
    ):
        assert main(words) == 2
        assert one_error(capsys).endswith(f"{meant}\n")
    assert os.listdir() == ["photo.png"]


@pytest.mark.usefixtures("photo")
def test_noise_in_grey_values_is_told_from_noise_in_the_unit_range(capsys):
    assert main(["denoise", "photo.png", "--sigma", "25"]) == 2
    assert "25 of 255 is 0.098" in one_error(capsys)
    np.save("holes.npy", np.where(np.eye(20) > 0, np.nan, 0.5))
    assert main(["denoise", "holes.npy"]) == 2
    assert "(steepest inpaint IMAGE fills in" in one_error(capsys)
