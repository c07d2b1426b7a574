"""The reports: verdicts for people and machines."""
