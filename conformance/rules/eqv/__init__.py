"""EQV: a stream and a whole answer to the same question amount to the same."""
