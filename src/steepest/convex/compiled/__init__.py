"""The fast path of total variation: the dual iteration and the certificate compiled by numba."""
