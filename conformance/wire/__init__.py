"""The only package with sockets: one exchange recorded, many fired."""
