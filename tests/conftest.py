"""Shared set-up: `cases` importable from every test, hypothesis without deadlines.

The dense solver of `cases` works on small matrices, which more threads of BLAS only slow down.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # and torch: its threads wait for each other busily
sys.path.insert(0, str(Path(__file__).parent))
if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")):
    os.environ.setdefault(
        "TRITON_INTERPRET", "1"
    )  # before Triton is imported: kernels run on the CPU

settings.register_profile(
    "steepest",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steepest")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run the test in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo(here):
    """A small 8-bit photograph, "photo.png"; files of tests may have another."""
    import numpy as np

    from steepest.io import sample, write_image

    array = np.ascontiguousarray(sample()[100:148, 200:260])
    write_image("photo.png", array)
    return array
