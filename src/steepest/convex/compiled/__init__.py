"""The fast path for total variation: dual iteration and certificate compiled by numba."""
