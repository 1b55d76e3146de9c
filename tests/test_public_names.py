"""What packages and results show of themselves."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest

import steepest
from steepest.core.numbers import counted

PACKAGES = [each.name for each in walk_packages(steepest.__path__, "steepest.") if each.ispkg]


@pytest.mark.parametrize("name", ["steepest", *PACKAGES])
def test_packages_show_their_public_names_only(name: str) -> None:
    package = import_module(name)
    if hasattr(package, "__all__"):
        assert set(dir(package)) == set(package.__all__) - {"__version__"}


def test_results_count_in_words() -> None:
    assert [counted(n, "time") for n in (0, 1, 2)] == ["0 times", "1 time", "2 times"]
    assert [counted(n, "pass") for n in (1, 2)] == ["1 pass", "2 passes"]
    image = np.indices((6, 6)).sum(0) / 10
    assert "1 time to 0.1, 1 step, " in repr(steepest.tv_flow(image, [0.1], num_steps=1))
