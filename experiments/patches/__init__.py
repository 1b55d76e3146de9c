"""Other patch priors beside `steepest.patches`, and proximal networks."""
