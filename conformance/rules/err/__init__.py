"""ERR: errors that a client can act on.

NYI judges rejected streaming; FLD judges invalid fields that were not rejected.
"""
