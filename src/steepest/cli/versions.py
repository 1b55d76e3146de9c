"""The versions of steepest and of the packages it uses."""

import platform
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import steepest

from ..core.threads import default_num_threads

_PACKAGES = ("numba", "numpy", "scipy", "pillow", "tifffile", "matplotlib", "torch", "constriction")


def own_version() -> str:
    """The version; in a checkout with its commit: "0.1.0 (commit 1a2b3c4, changed)"."""
    root = Path(steepest.__file__).parents[2]
    if (root / ".git").exists() and (root / "pyproject.toml").exists():
        git = ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--dirty=, changed"]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(git, capture_output=True, text=True, check=True, timeout=5)
            return f"{steepest.__version__} (commit {done.stdout.strip()})"
    return steepest.__version__


def versions() -> dict[str, Any]:
    """The versions of steepest and the packages it uses, and the number of threads."""
    found: dict[str, Any] = {"steepest": own_version()}
    for name in _PACKAGES:
        found[name] = "not installed"
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, "python": platform.python_version(), "threads": default_num_threads()}
