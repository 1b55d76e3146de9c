"""The command ``steepest``: flows, denoising and decompositions of image files."""
