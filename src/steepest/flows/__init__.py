"""Gradient flows of images: time stepping, certificates and results."""
