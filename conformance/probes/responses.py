"""Specific to the Responses API: server-side state, and metadata that is echoed."""

from conformance.model.probe import Probe
from conformance.probes.baseline import token_cap, with_fields

CAPPED = token_cap("responses", 16)

KEPT = (
    Probe(
        name="responses.previous",
        purpose="`previous_response_id` does not exist: it must be rejected, not ignored.",
        api="responses",
        change=with_fields(previous_response_id="resp_of_nobody", **CAPPED),
        max_tokens=16,
    ),
    Probe(
        name="responses.metadata",
        purpose="`metadata` is set: the response must echo it.",
        api="responses",
        change=with_fields(metadata={"lamp": "green"}, **CAPPED),
        max_tokens=16,
    ),
    Probe(
        name="responses.store",
        purpose="`store` is false: the response must not report it as true.",
        api="responses",
        modes=("unary",),
        change=with_fields(store=False, **CAPPED),
        suite="full",
        max_tokens=16,
    ),
)
