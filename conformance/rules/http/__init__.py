"""HTTP: the HTTP/1.1 message: status, headers, framing, media type and body."""
