"""An entry in the menu of the desktop that starts ``steepest app``, for people without a terminal.

It is a text file: a desktop entry on Linux, a command file in the Applications folder on macOS, and
a batch file in the start menu on Windows. The program runs in a window, and ends with it.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from .files import page_text

NAME = "Steepest"
_MODULE = ("-m", "steepest.cli", "app")


def install_launcher(home: Path | None = None, *, system: str = sys.platform) -> Path:
    """Write the entry of this Python environment, and return its path; an older one is replaced."""
    home = Path.home() if home is None else home
    command = [sys.executable, *_MODULE]
    if system == "win32":
        menu = Path(os.environ.get("APPDATA") or home / "AppData/Roaming")
        path = menu / "Microsoft/Windows/Start Menu/Programs" / f"{NAME}.bat"
        return _written(path, f"@echo off\r\n{subprocess.list2cmdline(command)} %*\r\n")
    if system == "darwin":
        path = home / "Applications" / f"{NAME}.command"
        return _written(path, f"#!/bin/sh\nexec {shlex.join(command)}\n", 0o755)
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    icon = _written(data / "icons/hicolor/scalable/apps/steepest.svg", page_text("logo.svg"))
    entry = (
        "[Desktop Entry]\nType=Application\n"
        f"Name={NAME}\nComment=An equaliser for images\n"
        f"Exec={' '.join(map(_quoted, command))} %f\nIcon={icon}\nTerminal=true\n"
        "Categories=Graphics;\nMimeType=image/png;image/jpeg;image/tiff;\n"
    )
    return _written(data / "applications" / "steepest.desktop", entry, 0o755)


def _quoted(word: str) -> str:
    """Quote an argument as desktop entries do, and escape that as their strings do."""
    quoted = re.sub(r'(["`$\\])', r"\\\1", word.replace("%", "%%"))
    return '"' + quoted.replace("\\", "\\\\") + '"'


def _written(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="")
    path.chmod(mode)
    return path
