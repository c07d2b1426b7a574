"""What each API is: its requests, responses, deltas, usage and errors, read out of recorded exchanges."""
