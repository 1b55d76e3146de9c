"""Inpainting, and choosing of masks, for images larger than memory."""
