"""What becomes of each field of a request on its way through a gateway whose upstream has the same API."""
