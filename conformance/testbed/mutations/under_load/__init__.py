"""Changes that show only while several requests are in progress, or after that."""
