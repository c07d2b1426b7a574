"""The plain greeting, whose failure no other rule tells."""

from collections.abc import Iterator

from conformance.exchange import Exchange
from conformance.read.http1 import reply
from conformance.read.refusal import own_fields, quoted, refusal
from conformance.read.sse import looks_like_events
from conformance.rule import rule
from conformance.rules.err.example import GREETING
from conformance.rules.example import HELLO, JSON, SSE, answered, error, exchange, http, streamed
from conformance.rules.when import OK, UNRELATED, asks, both, replied
from conformance.verdict import MUST, Finding, Skip, not_applicable, untestable


def _let_in(x: Exchange) -> Skip | None:
    status = reply(x).status
    return untestable(f"the target refused the key ({status})") if status in (401, 403) else None


def _no_other_rule_s(x: Exchange) -> Skip | None:
    """The greeting's failure, if it failed, is told by no other rule."""
    status, said = reply(x).status, refusal(x)
    if fields := own_fields(x):
        return not_applicable(f"the target refused `{fields[0]}`")
    if said.in_band and not looks_like_events(x):
        return not_applicable("an error came under a success status")
    if x.mode == "stream" and status >= 400 and status not in UNRELATED:
        return not_applicable("whether streaming is refused is judged beside the same greeting without it")
    return None


@rule(
    "ERR022",
    MUST,
    "A plain greeting is answered",
    spec="https://platform.openai.com/docs/api-reference/chat/create",
    fix="Read the error, and try the same request with curl.",
    when=both(asks("hello"), replied, _let_in, _no_other_rule_s),
    good=[GREETING, streamed(*HELLO)],
    bad=[
        answered(error("Boom."), status=500),
        answered(error("Busy."), status=429, headers=(JSON, ("retry-after", "1"))),
        streamed(error("Upstream failed.")),
        exchange(http(200, [SSE], b'data: {"error":{}, "type":"error"}\n\n')),
    ],
)
def greeting_failed(x: Exchange) -> Iterator[Finding]:
    """Nothing else works where this does not."""
    answer, said = reply(x), refusal(x)
    if said.in_band:
        yield Finding(f"the stream of the greeting holds an error: {quoted(said.message or said.text)}", at=said.at)
    elif answer.status not in OK:
        transient = " for now" if answer.value("retry-after") or answer.status in UNRELATED else ""
        text = quoted(said.message or said.text) if said else "no error"
        yield Finding(
            f"the greeting was answered {answer.status}{transient}: {text}", at=said.at if said else answer.head
        )
