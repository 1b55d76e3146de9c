"""Gradient flows of images: time stepping, certificates, results."""
