"""How the functions on echoes are compiled."""

from __future__ import annotations

from ...elliptic.kernels import OPTIONS

# Without reference counts: they took more than half of the time. Such functions cannot allocate.
PLAIN = {**OPTIONS, "_nrt": False}
