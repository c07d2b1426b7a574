"""CMP: the whole answer of Chat Completions: the reply to a request without stream, and what any answer must hold.

Tool calls are judged by TOOL, usage by USE, errors by ERR.
"""
