"""USE: usage in Chat Completions, in both modes: presence, position and plausibility."""
