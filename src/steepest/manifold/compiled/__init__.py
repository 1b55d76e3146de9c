"""Compiled loops over points, one file per manifold."""
