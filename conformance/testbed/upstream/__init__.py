"""The scripted upstream of a gateway: what it answers to a request depends on the marker in the request's text."""
