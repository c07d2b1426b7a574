"""Refusals that the vendor who defines an API makes, too: its own models refuse some parameters by name."""

from conformance.apis.errors import error_response, names_field, rejected_fields
from conformance.apis.request import request_body
from conformance.apis.specs import caps, spec
from conformance.model.exchange import Exchange


def refused_cap(x: Exchange) -> str:
    """The cap that the response refuses by name though the test case is not about it, or empty."""
    error, sent = error_response(x), request_body(x)
    if not error or error.in_band:
        return ""
    sent_caps = (name for name in caps(x.api) if sent.get(name) is not None and name != x.case.subject)
    return next((name for name in sent_caps if names_field(error, name)), "")


def refused_as_by_vendor(x: Exchange) -> tuple[str, ...]:
    """The fields that the response refuses by name, if models of the API's own vendor refuse them all; or none."""
    refused = rejected_fields(x)
    sent = request_body(x)
    if all(name in spec(x.api).refused_by_vendor and sent[name] is not None for name in refused):
        return refused
    return ()
