"""Reports about several runs: their difference, and the matrix."""
