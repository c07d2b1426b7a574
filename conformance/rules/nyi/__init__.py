"""NYI: how a target reports that streaming is not implemented.

Streaming is unsupported if the streaming baseline request gets an error and the non-streaming one succeeds, or on
a 501. A good error costs the client one request: it names what is unsupported and the alternative, and forbids retries.
"""
