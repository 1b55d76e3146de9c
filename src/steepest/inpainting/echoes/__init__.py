"""Inpainting echoes: the response of the inpainting to each known pixel, kept as masks change."""
