"""A gateway's translator between the APIs: requests one way, replies the other. Pure, but for the handler itself.

Chat Completions is the middle: a lane between the other two is two translations, one after the other.
"""
