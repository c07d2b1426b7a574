"""The clients: how a framework handles a response, and whether it would retry."""

from conformance.clients.affected import impact_of, impacts_of
from conformance.clients.client import Client
from conformance.clients.explain import impact
from conformance.clients.registry import CLIENTS

__all__ = ["CLIENTS", "Client", "impact", "impact_of", "impacts_of"]
