"""FLD: fields that a target silently ignores."""
