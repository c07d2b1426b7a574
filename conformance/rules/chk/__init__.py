"""CHK: the chunks of a Chat Completions stream, one by one and in their order.

Tool calls are judged by TOOL, usage by USE, errors inside the stream by ERR.
"""
