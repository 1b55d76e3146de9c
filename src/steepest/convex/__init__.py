"""Convex energies, their certificate, and the solver of one implicit Euler step."""
