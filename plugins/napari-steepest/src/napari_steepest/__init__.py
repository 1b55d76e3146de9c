"""Denoise, decompose, inpaint and segment images in napari, with certificates."""
