"""Solvers for torch tensors on an accelerator, with the interface of `convex.dual`."""
