"""Denoisers of manifold-valued images compared at equal time."""
