"""The scripted upstream of a gateway: its response to a request depends on the marker in the request's text."""
