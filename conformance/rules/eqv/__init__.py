"""EQV: a stream and a non-streaming response to the same request are equivalent."""
