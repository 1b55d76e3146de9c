"""Errors, outcomes and the array conventions: what every other room stands on."""
