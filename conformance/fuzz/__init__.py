"""Fuzzing: generated requests, judged by the same rules. Needs the extra `fuzz`."""
