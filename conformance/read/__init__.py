"""Sans-I/O readers of recorded octets: pure functions from an exchange to what it holds."""
