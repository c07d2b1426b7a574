"""Both sides of a gateway: what it makes of a request, of the upstream's response, and of faults."""
