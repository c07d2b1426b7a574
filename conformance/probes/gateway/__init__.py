"""Requests that are sent through a gateway, one file per group of what a gateway may break."""
