"""SSE: the event stream's lines, blank lines, encoding and end marker (WHATWG HTML, section 9.2)."""
