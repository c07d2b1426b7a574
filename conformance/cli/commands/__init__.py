"""The commands of the command line: what they accept. What they do is in the modules beside this package."""
