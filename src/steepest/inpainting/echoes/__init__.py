"""Inpainting echoes: how the inpainting answers to each known pixel, kept while masks change."""
