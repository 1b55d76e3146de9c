"""Elliptic equations on a grid: multigrid-preconditioned conjugate gradients."""
