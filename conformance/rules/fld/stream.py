"""The field `stream`, the costliest one to ignore."""

from collections.abc import Iterator

from conformance.apis.errors import body, error_response, quoted
from conformance.apis.request import request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.sse import is_labelled, looks_like_events
from conformance.rules.conditions import BODILESS, all_of, probe_is, readable, succeeded, validly_requested
from conformance.rules.example import HELLO, answered, completion, streamed
from conformance.rules.fld.spec import CREATE


def is_stream(x: Exchange) -> bool:
    """Whether the body is an event stream, or has its Content-Type and is not JSON."""
    return looks_like_events(x) or (is_labelled(reply(x)) and body(x) is NOT_JSON)


def stream_requested(x: Exchange) -> NotJudged | None:
    """The request is valid, and the response is a readable success with a body."""
    if skip := validly_requested(x) or succeeded(x) or readable(x):
        return skip
    if reply(x).status in BODILESS:
        return not_applicable(f"the target returned HTTP {reply(x).status}, which has no body")
    if error_response(x).in_band and not looks_like_events(x):
        return not_applicable("the response body is an error with a success status (see ERR013)")
    if not reply(x).content and not reply(x).complete:
        return untestable("the response was truncated before its body")
    if "headers" not in x.recorded and body(x) is NOT_JSON and not looks_like_events(x):
        return untestable("the recording does not hold the Content-Type of a body that is neither JSON nor events")
    return None


def _came(x: Exchange) -> str:
    label = reply(x).value("content-type")
    what = (
        "a JSON body"
        if body(x) is not NOT_JSON
        else "an empty body"
        if not reply(x).content
        else "a body without events"
    )
    return f"{what}, Content-Type {quoted(label) if label else 'missing'}"


@rule(
    "FLD001",
    MUST,
    "stream: true is honoured or rejected, not silently ignored",
    spec=f"{CREATE}#chat-create-stream",
    fix="Declare `stream` in the request model, and return text/event-stream; until then, reject it with 501 (see NYI001).",
    applies_to=all_of(probe_is(Kind.BASELINE, Kind.RECORDED, Kind.USERS), stream_requested),
    modes=("stream",),
    apis=GENERATIVE,
    good=[streamed(*HELLO), streamed(*HELLO, headers=[("content-type", "text/plain")])],
    bad=[
        answered(completion(), mode="stream"),
        answered(completion(), mode="stream", headers=[("content-type", "text/event-stream")]),
        answered("<html>", mode="stream"),
    ],
)
def dropped_stream(x: Exchange) -> Iterator[Finding]:
    """A client that streams finds no event in a non-streaming response: it shows nothing, or retries and pays each time."""
    if not is_stream(x):
        seen = f"`stream: true` was silently ignored: the target returned HTTP {reply(x).status} with {_came(x)}"
        yield Finding(
            seen, at=reply(x).span("content-type"), expected="text/event-stream, or an error that names `stream`"
        )


@rule(
    "FLD002",
    MUST,
    "stream: true is honoured together with every other field",
    spec=f"{CREATE}#chat-create-stream",
    fix="Stream whatever the other fields are, or reject the combination with an error that names both fields.",
    applies_to=stream_requested,
    modes=("stream",),
    apis=GENERATIVE,
    good=[(streamed(*HELLO, probe="chat.tools"), streamed(*HELLO))],
    bad=[(answered(completion(), mode="stream", probe="chat.tools", body={"tools": []}), streamed(*HELLO))],
)
def stream_dropped_beside_a_field(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Where text is streamed but, say, tool calls are not, clients lose the responses that an agent needs most."""
    if x.case.kind is Kind.BASELINE or not is_stream(baseline):
        yield not_applicable("the baseline request shows whether `stream` is honoured (see FLD001)")
    elif request_body(x).get("stream", True) is not True:
        yield not_applicable("the request has another value for `stream`")
    elif not is_stream(x):
        others = sorted(request_body(x).keys() - request_body(baseline).keys())
        beside = ", ".join(f"`{name}`" for name in others[:5])
        seen = f"`stream: true` was silently ignored with {beside or 'another prompt'}: {_came(x)}; the baseline request streams"
        yield Finding(seen, at=reply(x).span("content-type"))
