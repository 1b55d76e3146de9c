"""Errors, outcomes and array conventions, on which all other packages are based."""
