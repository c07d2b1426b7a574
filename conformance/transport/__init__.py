"""Client transport: send requests and record the exchanges."""
