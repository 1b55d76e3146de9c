"""Progress and cancelling of a job. Neither Qt nor napari is imported here."""

from __future__ import annotations

import math
from typing import Any


class Cancelled(Exception):
    """Raised inside a job at the end of a step, after `Watch.cancelled` is set."""


class Watch:
    """The ``on_step`` of a job. The job calls it in its thread; the panel reads it in its own.

    ``num_frames`` is the number of slices or volumes, ``frame`` the current one, from 0.
    """

    def __init__(self, num_frames: int = 1) -> None:
        self.num_frames, self.frame, self.cancelled = num_frames, 0, False
        self.report: Any = None
        self._before = 0  # steps before the current stage

    def __call__(self, report: Any) -> None:
        if self.report is not None and report.step == 1:
            self.frame, self._before = self.frame + 1, 0
        elif self.report is not None and _stage(report) != _stage(self.report):
            self._before = report.step - 1
        self.report = report
        if self.cancelled:
            raise Cancelled

    @property
    def share(self) -> float | None:
        """The part of the current stage of all frames that is done; None if unknown."""
        step, total = self._steps
        if not total and self.num_frames == 1:
            return None
        return (self.frame + (step / total if total else 0)) / self.num_frames

    @property
    def _steps(self) -> tuple[int, int]:
        """The step, and the number of steps, or 0, of the current stage."""
        if self.report is None:
            return 0, 0
        return self.report.step - self._before, max(self.report.num_steps - self._before, 0)

    @property
    def words(self) -> str:
        """What the job is doing."""
        if self.report is None:
            return "Starting. The first run compiles for up to 20 seconds."
        parts = []
        if self.num_frames > 1:
            parts.append(f"{self.frame + 1} of {self.num_frames}")
        stage = _stage(self.report)
        if stage and stage != "flow":
            parts.append(stage)
        step, total = self._steps
        parts.append(f"step {step} of {total}" if total else f"step {step}")
        for name in ("gap", "residual"):
            value = getattr(self.report, name, None)
            if value is not None and value < math.inf:  # infinite: not measured yet
                parts.append(f"{name} {value:.1e}")
        words = ", ".join(parts)
        return words[0].upper() + words[1:]


def _stage(report: Any) -> str:
    return getattr(report, "stage", "")
