"""CMP: non-streaming Chat Completions responses, and content that is required in both modes.

Tool calls are judged by TOOL, usage by USE, errors by ERR.
"""
