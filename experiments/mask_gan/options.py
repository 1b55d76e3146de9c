"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Folder = Annotated[Path, Parameter(name="FOLDER", help="photographs to crop")]
Weights = Annotated[
    Path, Parameter(name="WEIGHTS", help="weights of trained networks", required=True)
]
