"""What packages and results show of themselves."""

import inspect
import re
import subprocess
import sys
import tomllib
from enum import Enum
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.core.numbers import counted

ROOT = Path(__file__).parents[1]
PACKAGES = [each.name for each in walk_packages(steepest.__path__, "steepest.") if each.ispkg]


@pytest.mark.parametrize("name", ["steepest", *PACKAGES])
def test_packages_show_their_public_names_only(name: str) -> None:
    package = import_module(name)
    if hasattr(package, "__all__"):
        assert set(dir(package)) == set(package.__all__) - {"__version__"}


def test_contributing_lists_all_packages_in_the_order_of_imports() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    layout = text[text.index("src/steepest/\n") : text.index("\nexperiments/ ")]
    listed = re.findall(r"^  ([a-z]+)/(?:, ([a-z]+)/)?", layout, re.MULTILINE)
    rooms = [name for pair in listed for name in pair if name]
    folders = [path for path in (ROOT / "src/steepest").iterdir() if path.is_dir()]
    assert sorted(rooms) == sorted(path.name for path in folders if path.name != "__pycache__")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    order = [set(layer.replace("steepest.", "").split(" | ")) for layer in layers]
    places = [k for room in rooms for k, layer in enumerate(order) if room in layer]
    assert places == sorted(places)


def test_results_count_in_words() -> None:
    assert [counted(n, "time") for n in (0, 1, 2)] == ["0 times", "1 time", "2 times"]
    assert [counted(n, "pass") for n in (1, 2)] == ["1 pass", "2 passes"]
    image = np.indices((6, 6)).sum(0) / 10
    assert "1 time to 0.1, 1 step, " in repr(steepest.tv_flow(image, [0.1], steps=1))


MOST_PARAMETERS = 12
# what users read rather than write
RESULTS = (steepest.FlowResult, steepest.segmentation.Segmentation, steepest.io.Metadata)


def parameters(function: Any) -> int:
    """The number of named parameters."""
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    return len(kinds) - kinds.count(inspect.Parameter.VAR_KEYWORD)


def test_no_public_function_has_more_parameters_than_can_be_remembered() -> None:
    seen = {}
    for name in ["steepest", *PACKAGES]:
        package = import_module(name)
        for each in getattr(package, "__all__", ()):
            value = getattr(package, each)
            ours = callable(value) and value.__module__.startswith("steepest")
            given = inspect.isfunction(value) or (
                inspect.isclass(value)
                and "__init__" in vars(value)
                and not issubclass(value, (Exception, Enum))
                and not issubclass(value, RESULTS)
            )
            if ours and given:
                seen[f"{value.__module__}.{each}"] = parameters(value)
    many = {name: n for name, n in seen.items() if n > MOST_PARAMETERS}
    assert len(seen) > 100
    assert not many


@pytest.mark.parametrize(("room", "extra"), [("learning", "torch"), ("posterior", "posterior")])
def test_rooms_that_need_torch_name_their_extra(room: str, extra: str) -> None:
    program = f"import sys; sys.modules['torch'] = None; from steepest import {room}; {room}.learn"
    program = program.replace("learning.learn", "learning.learned_flow")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"needs torch: pip install 'steepest[{extra}]'" in done.stderr
