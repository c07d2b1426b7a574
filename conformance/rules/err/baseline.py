"""The baseline request: failures that no other rule reports."""

from collections.abc import Iterator

from conformance.apis.errors import error_response, may_refuse_streaming, quoted, rejected_fields
from conformance.apis.messages import left_open
from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, UNRELATED, all_of, probe_is, replied
from conformance.rules.err.example import BASELINE_RESPONSE
from conformance.rules.err.spec import CODES_4XX
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, error, exchange, http, streamed
from conformance.schemas import load

LOCKED = (401, 403)


def _let_in(x: Exchange) -> NotJudged | None:
    status = reply(x).status
    if status == 429:
        return untestable("rate-limited (HTTP 429): run again with a lower --concurrency")
    if status in LOCKED:
        return untestable(f"the target rejected the API key with HTTP {status}{_reason(x)}")
    return None


def _reason(x: Exchange) -> str:
    """What a rejection says of its reason, after a colon; or empty."""
    error = error_response(x)
    return f": {quoted(error.message or error.text)}" if (error.message or error.text).strip() else ""


def _no_other_rule_s(x: Exchange) -> NotJudged | None:
    """No other rule reports the baseline request's failure, if it failed."""
    status, error = reply(x).status, error_response(x)
    if fields := rejected_fields(x):
        return not_applicable(f"the target rejected {_described(x, fields[0])} (see FLD015)")
    if error.in_band and not looks_like_events(x):
        return not_applicable("the response body is an error with a success status (see ERR013)")
    if x.mode == "stream" and status not in UNRELATED and may_refuse_streaming(x):
        return not_applicable("NYI rules compare this error with the non-streaming baseline request")
    return None


def _described(x: Exchange, name: str) -> str:
    """A field in words: what the target calls an unknown field may be one that the API documents."""
    is_documented = name in load(spec(x.api).request_schema)["properties"]
    return f"`{name}`, a field that the API {'documents' if is_documented else 'does not document'}"


@rule(
    "ERR022",
    MUST,
    "The baseline request succeeds",
    spec="https://platform.openai.com/docs/api-reference/chat/create",
    fix="Read the error, reproduce it with curl, and make this request succeed before all else.",
    applies_to=all_of(probe_is(Kind.BASELINE), replied, _let_in, _no_other_rule_s),
    apis=APIS,
    good=[BASELINE_RESPONSE, streamed(*HELLO)],
    bad=[
        answered(error("Boom."), status=500),
        answered(error("Busy."), status=503, headers=(JSON, ("retry-after", "1"))),
        answered("<html>", status=502, mode="stream"),
        streamed(error("Upstream failed.")),
        exchange(http(200, [SSE], b'data: {"error":{}, "type":"error"}\n\n')),
    ],
)
def baseline_request_failed(x: Exchange) -> Iterator[Finding]:
    """This is the client's ordinary request: if it fails, the client can't use the target at all."""
    answer, error = reply(x), error_response(x)
    if error.in_band:
        yield Finding(
            f"the stream of the baseline request contains an error: {quoted(error.message or error.text)}{left_open(x)}",
            at=error.at,
        )
    elif answer.status not in OK:
        transient = " (temporary)" if answer.value("retry-after") or answer.status in UNRELATED else ""
        text = quoted(error.message or error.text) if error else "no error"
        yield Finding(
            f"the {'streaming ' if x.mode == 'stream' else ''}baseline request got HTTP {answer.status}{transient}: {text}",
            at=error.at if error else answer.head,
        )


@rule(
    "ERR023",
    MUST,
    "An API key accepted without streaming is accepted with streaming",
    spec=CODES_4XX,
    fix="Check the API key before reading `stream`; return 501 where streaming is not supported.",
    applies_to=all_of(probe_is(Kind.BASELINE), replied),
    apis=GENERATIVE,
    good=[
        (streamed(*HELLO), BASELINE_RESPONSE),
        (answered(error(), status=401, mode="stream"), answered(error(), status=401)),
    ],
    bad=[(answered(error("No."), status=code, mode="stream"), BASELINE_RESPONSE) for code in LOCKED],
)
def streaming_locked(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Users look for the error in their API key; no framework retries without streaming after a 401 or 403."""
    status = reply(stream).status
    if status in LOCKED and reply(unary).status in OK and not error_response(unary):
        seen = f"the streaming baseline request was rejected with HTTP {status}; with the same API key the non-streaming one succeeds"
        yield Finding(seen, at=reply(stream).head)


@rule(
    "ERR024",
    MUST,
    "The status code is below 600",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15",
    fix="Return a status from 200 to 599, and map other systems' codes to one of them.",
    applies_to=replied,
    apis=APIS,
    good=[BASELINE_RESPONSE, answered(error(), status=599)],
    bad=[answered(error(), status=600), answered(completion(), status=999)],
)
def status_out_of_range(x: Exchange) -> Iterator[Finding]:
    """Clients and proxies classify a status by its first digit: outside the five classes they crash, or assume success."""
    if reply(x).status >= 600:
        yield Finding(f"the status is {reply(x).status}, which HTTP does not define", at=reply(x).head)
