"""Other libraries, where they are installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest


def real(library: str) -> Any:
    """The library, or the test is skipped."""
    try:
        return import_module(library)
    except (ImportError, OSError, RuntimeError) as error:  # torchvision made for another torch
        pytest.skip(f"{library} cannot be imported: {error}")
