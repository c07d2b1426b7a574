"""The profiles, one file a framework: what it sends."""
