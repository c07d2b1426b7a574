"""The family RSN: reasoning, its place, its names, its tokens, and the way back to the target."""
