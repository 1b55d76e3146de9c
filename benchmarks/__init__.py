"""Benchmarks of steepest against other Python packages; run ``python -m benchmarks.run``."""
