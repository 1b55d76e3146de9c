"""Networks that compute the total variation flow at any given time."""
