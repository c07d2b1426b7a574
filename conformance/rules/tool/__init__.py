"""TOOL: tool calls in Chat Completions responses, in both modes: whether a client can run them.

Which tool the model chose is never judged, only whether the call is complete.
"""
