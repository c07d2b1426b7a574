"""FLD: fields that a target drops without a word."""
