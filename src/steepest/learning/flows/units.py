"""The paper's units beside the engine's; without torch, for those who only convert."""

CONTRAST = 5.0
"""The paper's flow is that of ``CONTRAST * image``: its time 1 is the engine's 1 / CONTRAST."""
