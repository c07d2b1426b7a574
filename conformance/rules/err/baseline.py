"""The plain greeting, whose failure no other rule tells."""

from collections.abc import Iterator

from conformance.apis.errors import may_refuse_streaming, own_fields, quoted, refusal
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, UNRELATED, asks, both, replied
from conformance.rules.err.example import GREETING
from conformance.rules.err.spec import CODES_4XX
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, error, exchange, http, streamed

LOCKED = (401, 403)


def _let_in(x: Exchange) -> Skip | None:
    status = reply(x).status
    if status == 429:
        return untestable("rate limited (429): run again with a lower --concurrency")
    return untestable(f"the target refused the key ({status})") if status in LOCKED else None


def _no_other_rule_s(x: Exchange) -> Skip | None:
    """The greeting's failure, if it failed, is told by no other rule."""
    status, said = reply(x).status, refusal(x)
    if fields := own_fields(x):
        return not_applicable(f"the target refused `{fields[0]}`")
    if said.in_band and not looks_like_events(x):
        return not_applicable("an error came under a success status")
    if x.mode == "stream" and status not in UNRELATED and may_refuse_streaming(x):
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
        answered(error("Busy."), status=503, headers=(JSON, ("retry-after", "1"))),
        answered("<html>", status=502, mode="stream"),
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


@rule(
    "ERR023",
    MUST,
    "A key that opens the plain greeting opens the streamed one",
    spec=CODES_4XX,
    fix="Check the key before looking at `stream`; where streaming is not offered, answer 501.",
    when=both(asks("hello"), replied),
    good=[
        (streamed(*HELLO), GREETING),
        (answered(error(), status=401, mode="stream"), answered(error(), status=401)),
    ],
    bad=[(answered(error("No."), status=code, mode="stream"), GREETING) for code in LOCKED],
)
def streaming_locked(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Users are told to look for a fault in their key; no framework tries without streaming after that."""
    status = reply(stream).status
    if status in LOCKED and reply(unary).status in OK and not refusal(unary):
        seen = f"streaming, the greeting was refused with {status}; without, the same key was good"
        yield Finding(seen, at=reply(stream).head)


@rule(
    "ERR024",
    MUST,
    "A status is one that HTTP has",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15",
    fix="Answer with a status from 200 to 599.",
    when=replied,
    good=[GREETING, answered(error(), status=599)],
    bad=[answered(error(), status=600), answered(completion(), status=999)],
)
def status_out_of_range(x: Exchange) -> Iterator[Finding]:
    """Clients and proxies sort statuses by their first digit; one that has no class is a crash, or a success."""
    if reply(x).status >= 600:
        yield Finding(f"the target answered {reply(x).status}", at=reply(x).head)
