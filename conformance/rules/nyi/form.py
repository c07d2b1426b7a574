"""The form of the error for unsupported streaming: JSON with the API's error object, and its Content-Type."""

from collections.abc import Iterator

from conformance.apis.errors import ErrorResponse, error_response, quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.example import JSON, SSE, answered, exchange, http, sse
from conformance.rules.nyi.example import ANSWER, GOOD, GOOD_MESSAGES, NO_RETRY, SAID, rejection
from conformance.rules.nyi.spec import ENVELOPE, MESSAGES_ERRORS
from conformance.rules.nyi.statement import about_streaming, streaming_rejected, with_error_object


def _body_rule(x: Exchange, kind: str, what: str) -> Iterator[Finding]:
    error = error_response(x)
    if error.kind == kind:
        yield Finding(
            f"the body of the error for unsupported streaming is {what}",
            at=error.at,
            expected="the API's error object as JSON",
        )


@rule(
    "NYI005",
    MUST,
    "The error for unsupported streaming is not an HTML page",
    spec=ENVELOPE,
    fix="Return the API's error object as application/json, and check that no proxy replaces it.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection("<html><h1>501 Not Implemented</h1></html>", headers=[("content-type", "text/html"), NO_RETRY])],
)
@about_streaming
def refusal_as_html(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Frameworks find no message that makes them fall back: they retry the same request, and show HTML to the user."""
    yield from _body_rule(x, "html", "an HTML page")


@rule(
    "NYI006",
    MUST,
    "The error for unsupported streaming is not plain text",
    spec=ENVELOPE,
    fix="Return the API's error object as application/json.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection("Streaming is not supported.", headers=[("content-type", "text/plain"), NO_RETRY])],
)
@about_streaming
def refusal_as_text(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Plain text has neither code nor param, by which programs recognise the error."""
    yield from _body_rule(x, "text", "plain text")


@rule(
    "NYI007",
    MUST,
    "The error for unsupported streaming is not empty",
    spec=ENVELOPE,
    fix="Return the API's error object as application/json.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[rejection("")],
)
@about_streaming
def empty_refusal(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The user learns neither what is missing nor what to do instead."""
    yield from _body_rule(x, "empty", "empty")


@rule(
    "NYI008",
    MUST,
    "The error for unsupported streaming is JSON, not an event stream",
    spec=ENVELOPE,
    fix="Decide before the stream begins, and return the error object as application/json.",
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD],
    bad=[(exchange(http(501, [SSE, NO_RETRY], sse(SAID, "[DONE]"))), ANSWER)],
)
@about_streaming
def refusal_as_events(x: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs parse an error body as JSON: events become an error without a message."""
    yield from _body_rule(x, "events", "an event stream")


@rule(
    "NYI009",
    MUST,
    "The error for unsupported streaming has the API's error object",
    spec=ENVELOPE,
    fix='Replace the framework\'s own error handler by one that returns {"error": {"message", "type", "param", "code"}}.',
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES],
    bad=[
        rejection({"detail": "Streaming is not supported."}),
        rejection([SAID]),
        rejection({"error": "no"}),
        rejection({"message": "no"}),
    ],
)
@about_streaming
def refusal_without_an_error_object(x: Exchange) -> Iterator[Finding | NotJudged]:
    """SDKs read the error object: without it code, param and message are lost."""
    error = error_response(x)
    if not error.is_json:
        yield not_applicable("the error is not JSON (see NYI005 to NYI008)")
    elif not error.is_enveloped:
        kind = {"error-text": "a string under error", "detail": "the key detail", "array": "an array"}.get(
            error.kind, "no error object"
        )
        yield Finding(
            f"the body of the error for unsupported streaming has {kind}", at=error.at, expected="an error object"
        )


@rule(
    "NYI021",
    SHOULD,
    "The error for unsupported streaming uses the Messages API's error format",
    spec=MESSAGES_ERRORS,
    fix='Send `"type": "error"` next to the error object on the Messages API.',
    applies_to=streaming_rejected,
    apis=("messages",),
    good=[GOOD_MESSAGES],
    bad=[
        (answered(SAID, status=501, headers=(JSON, NO_RETRY), mode="stream", probe="messages.hello"), GOOD_MESSAGES[1])
    ],
)
@about_streaming
@with_error_object
def refusal_in_another_api_s_envelope(error: ErrorResponse) -> Iterator[Finding]:
    """Clients of the Messages API recognise an error by its type."""
    if error.form != "anthropic":
        yield Finding(
            'the error for unsupported streaming has no "type": "error" next to its error object', at=error.at
        )


@rule(
    "NYI022",
    SHOULD,
    "The error for unsupported streaming has Content-Type: application/json",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
    fix="Set Content-Type: application/json on the error.",
    applies_to=streaming_rejected,
    needs=("headers",),
    apis=GENERATIVE,
    good=[GOOD, rejection(headers=(("content-type", "application/problem+json"), NO_RETRY))],
    bad=[rejection(headers=(("content-type", "text/event-stream"), NO_RETRY)), rejection(headers=(NO_RETRY,))],
)
@about_streaming
def refusal_with_wrong_content_type(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients and gateways that check Content-Type don't parse the error."""
    media = reply(x).media_type
    if not error_response(x).is_json:
        yield not_applicable("the error is not JSON")
    elif media != "application/json" and not media.endswith("+json"):
        seen = f"Content-Type of the error for unsupported streaming is {quoted(media) if media else 'missing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")
