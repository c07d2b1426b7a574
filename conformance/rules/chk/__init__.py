"""CHK: the chunks of a Chat Completions stream, individually and in order.

TOOL judges tool calls, USE judges usage, ERR judges errors inside the stream.
"""
