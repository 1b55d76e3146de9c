"""Check what a wheel and an sdist contain: ``python .ci/check_distribution.py DIST_FOLDER``."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

NEEDED = (
    "steepest/py.typed",
    "steepest/data/camera.png",
    "steepest/app/page/index.html",
    "steepest/learning/flows/pretrained/mean-flux.safetensors",
    "licenses/LICENSE",
)
FOREIGN = ("tests/", "experiments/", "benchmarks/", "docs/", "plugins/", ".ci/", "__pycache__")
IN_SDIST = ("README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "src/steepest/__init__.py")
LARGEST = 4_000_000  # bytes of the wheel


def main(folder: Path) -> None:
    """List both, and say what is missing or does not belong there."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        source = [member.name.partition("/")[2] for member in archive if member.isfile()]
    wrong = [f"{part} is not in the wheel" for part in NEEDED if not _ends(names, part)]
    wrong += [f"{part} is not in the sdist" for part in IN_SDIST if part not in source]
    wrong += [f"{name} is in the wheel" for name in names if any(part in name for part in FOREIGN)]
    wrong += [
        f"{name} is in the sdist" for name in source if name.endswith((".nbi", ".nbc", ".pyc"))
    ]
    if wheel.stat().st_size > LARGEST:
        wrong.append(f"the wheel has {wheel.stat().st_size} bytes, more than {LARGEST}")
    for path, number in ((wheel, len(names)), (sdist, len(source))):
        print(f"{path.name}: {number} files, {path.stat().st_size / 1e6:.2f} MB")
    if wrong:
        sys.exit("\n".join(wrong))


def _ends(names: list[str], part: str) -> bool:
    return any(name.endswith(part) for name in names)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
