"""``python -m steepest.cli`` is the command ``steepest``."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
