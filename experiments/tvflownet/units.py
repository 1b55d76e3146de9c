"""The factor between the paper's units and the solver's; importing it does not load torch."""

CONTRAST = 5.0
"""The paper runs the flow of ``CONTRAST * image``, so its time 1 is the solver's 1 / CONTRAST."""
