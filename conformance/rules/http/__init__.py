"""HTTP: the message around the answer, as HTTP/1.1 and its media types want it."""
