"""The ``steepest`` command: flows, denoising and decompositions of image files."""
