"""The clients: what a framework would make of a reply, and whether it would ask again."""

from conformance.clients.client import Client
from conformance.clients.hurt import impact_of, impacts_of
from conformance.clients.predict import impact
from conformance.clients.registry import CLIENTS

__all__ = ["CLIENTS", "Client", "impact", "impact_of", "impacts_of"]
