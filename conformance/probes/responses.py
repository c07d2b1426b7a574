"""Specific to the Responses API: server-side state, and metadata that is echoed."""

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.probes.baseline import token_cap, with_fields

CAPPED = token_cap("responses", 16)

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
)
