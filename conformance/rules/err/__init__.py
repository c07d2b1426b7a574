"""ERR: errors that a client can act on.

The refusal of streaming is judged by NYI, a refusal that should have come and did not by FLD.
"""
