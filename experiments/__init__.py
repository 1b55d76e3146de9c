"""Reproductions of papers: run ``python -m experiments.NAME`` in a clone."""
