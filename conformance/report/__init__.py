"""Reports: the verdicts in every output format."""
