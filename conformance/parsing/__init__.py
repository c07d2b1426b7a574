"""Sans-I/O parsers of recorded bytes, shared by all APIs: HTTP/1.1, Server-Sent Events, JSON."""
