"""Equivalent JSON gives equivalent requests."""

from collections.abc import Iterator

from conformance.apis.errors import error_response, quoted
from conformance.apis.vendor_refusals import refused_cap
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import all_of, baseline_ok, not_rejected_for_other_reasons, readable
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.par.spec import CHAT

BASELINE_RESPONSE = streamed(*HELLO)
PROBE = "chat.form.spelling"


def _spelling_sent(x: Exchange) -> NotJudged | None:
    return (
        all_of(not_rejected_for_other_reasons, readable)(x)
        if (x.case.kind, x.case.subject) == (Kind.ACCEPTED_FORM, "spelling")
        else OUT_OF_SCOPE
    )


@rule(
    "PAR015",
    MUST,
    "The request body is parsed as JSON, whatever its whitespace and escapes",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-2",
    fix="Parse the body with a JSON library: never search its bytes for words, and ignore the parameters of Content-Type.",
    applies_to=_spelling_sent,
    needs=("bytes",),
    apis=CHAT,
    modes=("stream",),
    good=[(streamed(*HELLO, probe=PROBE), BASELINE_RESPONSE)],
    bad=[
        (answered(completion(), mode="stream", probe=PROBE), BASELINE_RESPONSE),
        (answered(error("role is missing"), status=400, mode="stream", probe=PROBE), BASELINE_RESPONSE),
    ],
)
def spelling_matters(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Each client formats JSON differently: a request that works with one framework fails with the next."""
    error = error_response(x)
    if skip := baseline_ok(baseline):
        yield skip
    elif cap := refused_cap(x):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif error:
        why = quoted(error.message or error.text)
        yield Finding(
            f"the baseline request, with extra whitespace and escapes, was rejected with HTTP {error.status}: {why}",
            at=error.at,
        )
    elif looks_like_events(baseline) and not looks_like_events(x):
        yield Finding(
            "`stream: true`, with extra whitespace and escapes, was silently ignored: the response is not an event stream",
            at=reply(x).head,
        )
