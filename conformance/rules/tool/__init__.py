"""TOOL: the tool calls in a Chat Completions answer, in both modes: whether a client can run them.

What the model chose to call is never judged, only whether the call comes whole.
"""
