"""A contract test harness for OpenAI-compatible endpoints."""

__version__ = "0.4.0"
