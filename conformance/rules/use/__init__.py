"""USE: the usage of Chat Completions, in both modes: whether it comes, where, and whether it can be true."""
