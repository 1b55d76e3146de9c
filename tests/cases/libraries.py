"""Import other libraries if they are installed."""

from importlib import import_module
from typing import Any

import pytest


def real(library: str) -> Any:
    """Import a library, or skip the test."""
    try:
        return import_module(library)
    except (ImportError, OSError, RuntimeError) as error:  # torchvision made for another torch
        pytest.skip(f"{library} cannot be imported: {error}")
