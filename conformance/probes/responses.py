"""What only the Responses API has: state that is kept at the server, and notes that come back."""

from conformance.model.probe import Probe
from conformance.probes.baseline import cap, sets

CAPPED = cap("responses", 16)

KEPT = (
    Probe(
        name="responses.previous",
        purpose="An answer is to go on from one that does not exist: it must be refused, not begun anew.",
        api="responses",
        change=sets(previous_response_id="resp_of_nobody", **CAPPED),
        max_tokens=16,
    ),
    Probe(
        name="responses.metadata",
        purpose="Notes of the caller's own go along: they must stand in the answer.",
        api="responses",
        change=sets(metadata={"lamp": "green"}, **CAPPED),
        max_tokens=16,
    ),
    Probe(
        name="responses.store",
        purpose="The answer is not to be stored: it must not say that it is.",
        api="responses",
        modes=("unary",),
        change=sets(store=False, **CAPPED),
        suite="full",
        max_tokens=16,
    ),
)
