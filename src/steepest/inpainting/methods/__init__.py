"""The equations that fill in unknown pixels, one in each module."""
