"""The probes, one file a family of questions."""
