"""Refusals that the vendor who defines an API makes, too: its own models refuse some parameters by name."""

from conformance.apis.errors import rejected_fields
from conformance.apis.request import request_body
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange


def refused_as_by_vendor(x: Exchange) -> tuple[str, ...]:
    """The fields that the response refuses by name, if models of the API's own vendor refuse them all; or none."""
    refused = rejected_fields(x)
    sent = request_body(x)
    if all(name in spec(x.api).refused_by_vendor and sent[name] is not None for name in refused):
        return refused
    return ()
