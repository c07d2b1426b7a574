"""Specific to the Responses API: server-side state, and metadata that is echoed."""

from urllib.parse import quote

from conformance.apis.continuation import stored_id
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.probe import Probe, RawRequest
from conformance.probes.baseline import token_cap, with_fields

CAPPED = token_cap("responses", 16)


def retrieved(x: Exchange) -> RawRequest | None:
    """A request for a response that reports that it is stored."""
    name = stored_id(x)
    return RawRequest(method="GET", path=f"/{quote(name, safe='')}") if name else None


KEPT = (
    Probe(
        kind=Kind.PREVIOUS_RESPONSE,
        purpose="`previous_response_id` does not exist: it must be rejected, not ignored.",
        api="responses",
        build_body=with_fields(previous_response_id="resp_of_nobody", **CAPPED),
        max_tokens=16,
    ),
    Probe(
        kind=Kind.METADATA,
        purpose="`metadata` is set: the response must echo it.",
        api="responses",
        build_body=with_fields(metadata={"lamp": "green"}, **CAPPED),
        max_tokens=16,
    ),
    Probe(
        kind=Kind.STORE,
        purpose="`store` is false: the response must not report it as true.",
        api="responses",
        modes=("unary",),
        build_body=with_fields(store=False, **CAPPED),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.STORED,
        purpose="The baseline response reports `store: true`: it must be found by its id.",
        api="responses",
        modes=("unary",),
        follows=Compare(Kind.BASELINE),
        build_next=retrieved,
        suite="full",
        max_tokens=0,
    ),
)
