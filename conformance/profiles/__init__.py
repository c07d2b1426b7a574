"""The profiles, one file per framework: what it sends."""
