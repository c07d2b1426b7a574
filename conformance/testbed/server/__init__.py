"""The embedded server: good deployments, over real sockets."""
