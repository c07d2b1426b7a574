"""NYI: how a target says that streaming is not implemented yet.

A refusal of streaming is an error to the streaming greeting while the same greeting without `stream` is answered, or
a 501. Done right it costs nobody more than one request: clients are told what is missing, what to do instead, and not
to try again.
"""
