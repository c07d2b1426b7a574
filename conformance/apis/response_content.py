"""The completion of an exchange, read in its API's format."""

from conformance.apis.content import ResponseContent
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange


def response_content(x: Exchange) -> ResponseContent:
    """The completion, in one format for every API and both modes."""
    return spec(x.api).content(x)
