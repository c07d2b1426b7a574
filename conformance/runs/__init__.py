"""How a run is configured, recorded and judged: shared by the command line, the pytest plugin and the Python API."""
