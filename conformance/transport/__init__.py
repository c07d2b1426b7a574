"""The only package that sends requests: records one exchange, or many at once."""
