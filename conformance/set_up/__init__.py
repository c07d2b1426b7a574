"""Mistakes of set-up, such as a wrong base URL or model, told apart from faults of the target. Pure."""
