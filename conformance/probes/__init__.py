"""The probes, one module per kind of request."""
