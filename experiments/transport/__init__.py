"""Small experiments with optimal transport, each against a closed form or an exact answer."""
