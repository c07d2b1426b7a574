"""Fuzz: requests that nobody thought of, judged by the same rules. Needs the extra `fuzz`."""
