"""Networks that compute the total variation flow at any one time."""
