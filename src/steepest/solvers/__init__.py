"""The dual solver of one implicit Euler step: a reference, a compiled path, one driver."""
