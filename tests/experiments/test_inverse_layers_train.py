"""``python -m experiments.inverse_layers train``: results, defaults, mistakes of beginners."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import steepest  # noqa: E402
from cases.cells import write, write_cells  # noqa: E402
from cases.inverse_layers import PREDICT, TRAIN, WEIGHTS, here, refused  # noqa: E402, F401
from experiments import inverse_layers  # noqa: E402
from experiments.inverse_layers import (  # noqa: E402
    SegmentationConfig,
)
from experiments.inverse_layers.__main__ import main  # noqa: E402
from steepest.cli import training  # noqa: E402


def recipe() -> SegmentationConfig:
    """What was trained in run/."""
    document = json.loads(Path("run/weights.json").read_text())
    return SegmentationConfig.from_json(document["metadata"]["training"])


# ----------------------------------------------------------------------------- train


def test_train_says_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(TRAIN) == 0
    out, err = capsys.readouterr()
    assert err == ""
    best, *rows = sorted(
        np.genfromtxt("run/log.csv", delimiter=",", names=True), key=lambda r: r["validation_score"]
    )
    for row in (best, *rows):
        words = f"dice {row['validation_dice']:.3f}  mean IoU {row['validation_mean_iou']:.3f}"
        assert f"epoch {row['epoch']:.0f}/2  loss {row['total']:.4g}  {words}" in out
    assert "4 of 4 steps" in out
    assert f"epoch {best['epoch']:.0f}, dice {best['validation_dice']:.3f}, mean IoU" in out
    assert WEIGHTS in out
    assert isinstance(inverse_layers.load(WEIGHTS), inverse_layers.SegmentationUNet)


def test_defaults_for_a_beginner() -> None:
    write_cells(".", 21)
    assert main([*TRAIN, "--epochs", "1", "-q"]) == 0
    config = recipe()
    assert (config.num_validation, config.recipe.images) == (2, 19)
    assert config.mirror
    assert config.layer == {}
    assert config.network_config == {"base": 2, "depth": 2}
    default = config_of("images", "masks")
    assert default.network_config == {"base": 16}
    assert (default.size, default.fit, default.loss) == ((128, 128), "crop", "cross-entropy")


def parsed(words: list[str]) -> Any:
    """The command and the arguments for words of the command line."""
    from experiments.inverse_layers.__main__ import make_parser

    return make_parser().parse_args(words, exit_on_error=False, print_error=False)[:2]


def config_of(*words: str) -> SegmentationConfig:
    """The settings of a training for words of the command line."""
    found: list[SegmentationConfig] = []
    command, bound = parsed(["train", "-o", "run", *words])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "run", lambda subject, config, *_, **__: found.append(config))
        command(*bound.args, **bound.kwargs)
    return found[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--layer paper-wbc", {"layer": {"preset": "paper-wbc"}}),
        ("--layer none", {"layer": {}}),
        (
            "--evolution total-variation --steps 5 --dt 0.1 --layer-options {\"eps\":0.5}",
            {"layer": {"evolution": "total-variation", "steps": 5, "dt": 0.1, "eps": 0.5}},
        ),
        (
            "--steps 20 --dt 0.1 --max-gain none --gain-limit none --ramp 0.5",
            {
                "layer": {"evolution": "heat", "steps": 20, "dt": 0.1, "max_gain": None},
                "gain_limit": None,
                "ramp": 0.5,
            },
        ),
        ("--gain-limit 50", {"gain_limit": 50.0}),
        (
            "--noise shared --noise-area 0.2 --noise-window 3",
            {"noise": {"kind": "shared", "area": 0.2, "window": 3}},
        ),
        ("--loss label-smoothing --loss-options {\"smoothing\":0.2}",
         {"loss": "label-smoothing", "loss_options": {"smoothing": 0.2}}),
        ("--size 96x128 --fit resize --no-mirror",
         {"size": (96, 128), "fit": "resize", "mirror": False}),
        ("--instances --ignore 255 --channels 1 --ending _m",
         {"instances": True, "ignore": 255, "channels": 1, "ending": "_m"}),
        ("--values 0,128,255 --validation 2 --training 3 --split-seed 4",
         {"values": (0, 128, 255), "num_validation": 2, "num_training": 3, "split_seed": 4}),
        ("--network hrnet --seed 3 --threads 1", {"network": "hrnet", "network_config": {}}),
        ("--network-config {\"depth\":3} --base 8", {"network_config": {"depth": 3, "base": 8}}),
    ],
)  # fmt: skip
def test_options_become_settings(words: str, expected: dict[str, Any]) -> None:
    if "--ending" in words:
        for path in Path("masks").iterdir():
            path.rename(path.with_stem(path.stem + "_m"))
    config = config_of("images", "masks", *words.split(" "))
    assert {name: getattr(config, name) for name in expected} == expected


def test_resume_is_as_if_nothing_had_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TRAIN, "--layer", "default", "--max-minutes", "1e-9"]) == 0
    assert re.search(
        r"1 of 4 steps in \d+ s, time is up: go on with --resume", capsys.readouterr().out
    )
    assert main(["train", "-o", "run", "--resume", "--max-minutes", "9", "-q"]) == 0
    whole = [*TRAIN[:4], "whole", *TRAIN[5:], "--layer", "default", "-q"]
    assert main(whole) == 0
    assert capsys.readouterr() == ("", "")
    ours, theirs = (Path(f"{folder}/weights.safetensors") for folder in ("run", "whole"))
    assert ours.read_bytes() == theirs.read_bytes()
    err = refused([*TRAIN, "--resume", "--layer", "none"], capsys)
    assert "the training there has other settings (layer: {}, not {'preset': 'default'})" in err
    assert "the training there has other settings (layer: {}" in refused(TRAIN, capsys)


# ----------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "8", "--fit", "pad"], "size=(8, 8) is smaller than an image of 24x24"),
        (["--noise", "shared", "--noise-window", "25"], "window=25; allowed are 1 to 24"),
        (["--noise-area", "0.2"], "also give --noise"),
        (["--validation", "6"], "num_validation=6; allowed are 1 to 5"),
        (["--layer", "default", "--dt", "0.1"], "--layer default cannot be combined"),
        (["--layer", "paper-wbc"], "Set max_gain=100, or dt <= 0.073"),
        (["--loss-options", '{"q": 1}'], "'cross-entropy' has no option q"),
        (["--loss-options", "q"], "is not a JSON object"),
        (["--values", "0,a"], "'a' must be a whole number"),
        (["--size", "1,2,3"], "must be a side, or HEIGHT,WIDTH"),
        (["--max-gain", "-1"], "must be positive"),
        (["--device", "abacus"], "device='abacus' cannot be used"),
        (["--resume"], "run: holds no training to resume"),
    ],
)
def test_mistakes_in_one_line(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused([*TRAIN, *options], capsys)


# ----------------------------------------------------------------------------- resuming


def rewrite_masks(change: Any) -> None:
    from steepest.io import read_labels

    for path in Path("masks").iterdir():
        write(path, change(read_labels(path)).astype(np.uint8))


def test_moved_folders_are_resumed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*TRAIN, "--max-minutes", "1e-9", "-q"]) == 0
    Path("elsewhere").mkdir()
    Path("images").rename("elsewhere/images")
    Path("masks").rename("elsewhere/masks")
    resume = ["train", "-o", "run", "--resume", "--max-minutes", "9", "-q"]
    assert "images: no such folder" in refused(resume, capsys)
    assert main([*resume, "elsewhere/images", "elsewhere/masks"]) == 0
    monkeypatch.chdir("elsewhere")
    assert main([*resume, "images", "masks", "-o", "../run"]) == 0


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("removed", "missing: c2"),
        ("renamed", "new: z; missing: c2"),
        ("added", "new: c6"),
        ("classes", "classes 0, 128, 255 then, 0, 128, 254 now"),
    ],
)
def test_other_pairs_are_refused(how: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TRAIN, "-q"]) == 0
    if how == "classes":
        rewrite_masks(lambda mask: np.where(mask == 255, 254, mask))
    for folder in ("images", "masks"):
        path = Path(folder, "c2.png")
        if how == "renamed":
            path.rename(Path(folder, "z.png"))
        if how == "removed":
            path.unlink()
        if how == "added":
            Path(folder, "c6.png").write_bytes(path.read_bytes())
    err = refused(["train", "-o", "run", "--resume"], capsys)
    assert "run: pairs or classes are not those the training began with" in err
    assert words in err


# ----------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["train", "predict"])
def test_examples_in_the_help_can_be_parsed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    start = "  python -m experiments.inverse_layers"
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith(start)]
    assert lines
    for line in lines:
        words = line.replace("'", "").split()[3:]
        assert parsed(words)[0].__name__ == words[0] == name


def test_the_command_starts_without_torch() -> None:
    code = (
        "import sys, experiments.inverse_layers.__main__ as m; "
        "m.make_parser().parse_args(['train', 'a', '-o', 'b'], exit_on_error=False, "
        "print_error=False); sys.exit('torch' in sys.modules)"
    )
    places = [Path(inverse_layers.__file__).parents[2], Path(steepest.__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
