"""The clients: how a framework handles a response, and whether it would retry."""

from conformance.clients.affected import affected_clients, concerns_only_its_sender, profile_impacts
from conformance.clients.client import Client
from conformance.clients.explain import impact
from conformance.clients.registry import CLIENTS

__all__ = ["CLIENTS", "Client", "affected_clients", "concerns_only_its_sender", "impact", "profile_impacts"]
