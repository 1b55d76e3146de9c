"""Compilation options of the functions on echoes."""

from __future__ import annotations

from ...elliptic.kernels import OPTIONS

# Without reference counting, which took more than half of the time. Such functions cannot allocate.
PLAIN = {**OPTIONS, "_nrt": False}
