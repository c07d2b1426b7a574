"""The form of the refusal: one JSON text with the API's error object, labelled as such."""

from collections.abc import Iterator

from conformance.apis.errors import Refusal, quoted, refusal
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.example import JSON, SSE, answered, exchange, http, sse
from conformance.rules.nyi.example import ANSWER, GOOD, GOOD_MESSAGES, NO_RETRY, SAID, no
from conformance.rules.nyi.spec import ENVELOPE, MESSAGES_ERRORS
from conformance.rules.nyi.statement import declined, enveloped, statement


def _body_rule(x: Exchange, kind: str, what: str) -> Iterator[Finding]:
    said = refusal(x)
    if said.kind == kind:
        yield Finding(f"the refusal of streaming is {what}", at=said.at, expected="the API's error object as JSON")


@rule(
    "NYI005",
    MUST,
    "The refusal of streaming is no HTML page",
    spec=ENVELOPE,
    fix="Answer with the API's error object as application/json; look for a proxy that replaces error bodies.",
    when=declined,
    good=[GOOD],
    bad=[no("<html><h1>501 Not Implemented</h1></html>", headers=[("content-type", "text/html"), NO_RETRY])],
)
@statement
def refusal_as_html(x: Exchange) -> Iterator[Finding | Skip]:
    """No framework finds the words that make it fall back: it tries the same again, and shows markup to the user."""
    yield from _body_rule(x, "html", "an HTML page")


@rule(
    "NYI006",
    MUST,
    "The refusal of streaming is no plain text",
    spec=ENVELOPE,
    fix="Answer with the API's error object as application/json.",
    when=declined,
    good=[GOOD],
    bad=[no("Streaming is not supported.", headers=[("content-type", "text/plain"), NO_RETRY])],
)
@statement
def refusal_as_text(x: Exchange) -> Iterator[Finding | Skip]:
    """A program finds neither code nor param in prose."""
    yield from _body_rule(x, "text", "plain text")


@rule(
    "NYI007",
    MUST,
    "The refusal of streaming is not empty",
    spec=ENVELOPE,
    fix="Answer with the API's error object as application/json.",
    when=declined,
    good=[GOOD],
    bad=[no("")],
)
@statement
def refusal_without_a_word(x: Exchange) -> Iterator[Finding | Skip]:
    """Nobody learns what is missing or what to do instead."""
    yield from _body_rule(x, "empty", "empty")


@rule(
    "NYI008",
    MUST,
    "The refusal of streaming is one JSON text, not an event stream",
    spec=ENVELOPE,
    fix="Decide before the stream begins, and answer with the error object as application/json.",
    when=declined,
    good=[GOOD],
    bad=[(exchange(http(501, [SSE, NO_RETRY], sse(SAID, "[DONE]"))), ANSWER)],
)
@statement
def refusal_as_events(x: Exchange) -> Iterator[Finding | Skip]:
    """SDKs read the body of an error as JSON: events in its place are an error without a message."""
    yield from _body_rule(x, "events", "an event stream")


@rule(
    "NYI009",
    MUST,
    "The refusal of streaming has the API's error object",
    spec=ENVELOPE,
    fix='Answer {"error": {"message", "type", "param", "code"}}; replace the framework\'s own error handler.',
    when=declined,
    good=[GOOD, GOOD_MESSAGES],
    bad=[no({"detail": "Streaming is not supported."}), no([SAID]), no({"error": "no"}), no({"message": "no"})],
)
@statement
def refusal_without_an_error_object(x: Exchange) -> Iterator[Finding | Skip]:
    """SDKs look for `error`: without it code, param and message are lost."""
    said = refusal(x)
    if not said.is_json:
        yield untestable("the refusal is no JSON")
    elif said.kind not in ("openai", "anthropic"):
        kind = {"error-text": "text under `error`", "detail": "`detail`", "array": "an array"}.get(
            said.kind, "no `error` object"
        )
        yield Finding(f"the refusal of streaming holds {kind}", at=said.at, expected="an `error` object")


@rule(
    "NYI021",
    SHOULD,
    "The refusal of streaming wears the envelope of its own API",
    spec=MESSAGES_ERRORS,
    fix='On the Messages API put `"type": "error"` beside the error object.',
    when=declined,
    apis=("messages",),
    good=[GOOD_MESSAGES],
    bad=[
        (answered(SAID, status=501, headers=(JSON, NO_RETRY), mode="stream", probe="messages.hello"), GOOD_MESSAGES[1])
    ],
)
@statement
@enveloped
def refusal_in_another_api_s_envelope(said: Refusal) -> Iterator[Finding]:
    """SDKs of the Messages API choose their error class by these types."""
    if said.kind != "anthropic":
        yield Finding('the error object has no `"type": "error"` beside it', at=said.at)


@rule(
    "NYI022",
    SHOULD,
    "The refusal of streaming is labelled as JSON",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
    fix="Set Content-Type: application/json.",
    when=declined,
    good=[GOOD, no(headers=(("content-type", "application/problem+json"), NO_RETRY))],
    bad=[no(headers=(("content-type", "text/event-stream"), NO_RETRY)), no(headers=(NO_RETRY,))],
)
@statement
def mislabelled_refusal(x: Exchange) -> Iterator[Finding | Skip]:
    """Clients and gateways that go by the label don't look into the error."""
    media = reply(x).media_type
    if not refusal(x).is_json:
        yield not_applicable("the refusal is no JSON")
    elif media != "application/json" and not media.endswith("+json"):
        seen = f"the refusal of streaming is labelled {quoted(media) if media else 'nothing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")
