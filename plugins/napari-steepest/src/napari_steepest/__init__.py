"""Denoise, decompose, inpaint and segment images in napari, with certificates."""

__version__ = "0.1.0"
