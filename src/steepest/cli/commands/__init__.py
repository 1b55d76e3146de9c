"""The commands, one in each file: a typed function whose docstring is its help."""
