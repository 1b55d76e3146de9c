"""Denoising and flows of images larger than memory."""
