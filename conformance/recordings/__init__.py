"""Recordings that other tools made, read as exchanges: HAR archives and VCR cassettes. Nothing is sent."""
