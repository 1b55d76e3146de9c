"""Segmentation of images larger than memory, with the proofs of those in memory."""
