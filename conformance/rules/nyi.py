"""NYI: how a target says that streaming is not implemented yet.

A refusal of streaming is an error to the streaming greeting while the same greeting without `stream` is answered, or
a 501. Done right it costs nobody more than one request: clients are told what is missing, what to do instead, and not
to try again. The file is long because a family is one file, and a rule with its examples is some twenty lines.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.read.http1 import reply
from conformance.read.refusal import Refusal, body, own_fields, quoted, refusal
from conformance.read.sse import looks_like_events
from conformance.rule import rule
from conformance.rules.example import (
    HELLO,
    JSON,
    SSE,
    Headers,
    answered,
    completion,
    error,
    exchange,
    http,
    sse,
    streamed,
)
from conformance.rules.when import OK, UNRELATED, asks, both, replied
from conformance.target import Policy
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

STATUS_501 = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.2"
STATUS_503 = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4"
ENVELOPE = "https://platform.openai.com/docs/guides/error-codes/api-errors"
RETRIES = "https://github.com/openai/openai-python#retries"
MESSAGES_ERRORS = "https://platform.claude.com/docs/en/api/errors#error-shapes"

CODE = "streaming_not_supported"
HINT = re.compile(
    r"stream[`'\"]*\s*(?:=|:|to|as|is)?\s*[`'\"]*false|non-?stream|without\s+[`'\"]*stream"
    r"|(?:omit|remove|disable|unset|drop|leav\w+ out|turn\w* off)\b.*\bstream",
    re.IGNORECASE | re.DOTALL,
)
CACHED = re.compile(r"(?:^|[\s,])(?:public|immutable|(?:s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)
PROMPT_MS = 250
"""A refusal that takes longer than this and the way there, and as long as an answer, was not made at once."""

WORDS = "Streaming is not supported here yet. Set stream=false."
NO_RETRY = ("x-should-retry", "false")
SAID = error(WORDS, param="stream", code=CODE)
ANSWER = answered(completion())


def no(
    value: Any = SAID, status: int = 501, headers: Headers = (JSON, NO_RETRY), **facts: Any
) -> tuple[Exchange, Exchange]:
    """A refusal of streaming beside the answer to the same greeting without `stream`."""
    return answered(value, status=status, headers=headers, mode="stream", **facts), ANSWER


GOOD = no()
MESSAGES = {"type": "error", "error": {"type": "api_error", "message": WORDS}}
GOOD_MESSAGES = (
    answered(MESSAGES, status=501, headers=(JSON, NO_RETRY), mode="stream", probe="messages.hello"),
    answered(completion(), probe="messages.hello"),
)


def declined(x: Exchange) -> Skip | None:
    """The streaming greeting was refused with an error."""
    if skip := asks("hello")(x):
        return skip
    if x.mode == "unary":
        return None
    if skip := replied(x):
        return skip
    status = reply(x).status
    if status in UNRELATED:
        return untestable(f"the target refused for a reason of its own ({status})")
    return None if status >= 400 else not_applicable("streaming was not refused")


def no_statement(stream: Exchange, unary: Exchange) -> Skip | None:
    """Why the error to the streaming greeting says nothing of streaming."""
    if fields := own_fields(stream):
        return not_applicable(f"the target refused `{fields[0]}`, which came along")
    if reply(stream).status != 501 and (reply(unary).status not in OK or refusal(unary)):
        return untestable(f"the greeting failed without streaming too ({reply(unary).status or 'no reply'})")
    return None


Judged = Callable[[Exchange], Iterator[Finding | Skip]]


def statement(judge: Judged) -> Callable[[Exchange, Exchange], Iterator[Finding | Skip]]:
    """Let a function judge the streaming side, where that is a refusal of streaming."""

    def judged(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
        if skip := no_statement(stream, unary):
            yield skip
        else:
            yield from judge(stream)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged


def enveloped(judge: Callable[[Refusal], Iterator[Finding | Skip]]) -> Judged:
    """Let a function judge a server error that has an error object to look into."""

    def judged(x: Exchange) -> Iterator[Finding | Skip]:
        said = refusal(x)
        if said.kind not in ("openai", "anthropic"):
            yield untestable("there is no error object to look into")
        elif said.status < 500:
            yield not_applicable(f"the target answered {said.status}, which nobody retries")
        else:
            yield from judge(said)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged


@rule(
    "NYI001", MUST, "Streaming is offered, unless the target's owner allows to refuse it for now",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream",
    fix="Stream with text/event-stream; until then run with `--streaming stopgap-ok`.",
    when=both(asks("hello"), replied),
    good=[(streamed(*HELLO), ANSWER), GOOD],
    bad=[GOOD, no(status=400)],
)  # fmt: skip
def streaming_refused(stream: Exchange, unary: Exchange, policy: Policy) -> Iterator[Finding | Skip]:
    """Agent frameworks stream by default, and some can't do otherwise: without streaming they have no answer."""
    said = refusal(stream)
    if reply(stream).status in OK and looks_like_events(stream):
        return
    if skip := declined(stream) or no_statement(stream, unary):
        yield skip
    elif policy.streaming == "required":
        yield Finding(f"streaming is refused with {said.status} and {quoted(said.message or said.text)}", at=said.at)


def _status_rule(x: Exchange, statuses: Sequence[int], means: str) -> Iterator[Finding]:
    if (status := reply(x).status) in statuses:
        yield Finding(f"streaming is refused with {status}, which says {means}", at=reply(x).head, expected="501")


@rule(
    "NYI002", MUST, "Streaming that is not implemented is not called unavailable (503)",
    spec=STATUS_503, fix="Answer 501: 503 promises that trying again later helps.",
    when=declined, good=[GOOD], bad=[no(status=503)],
)  # fmt: skip
@statement
def called_unavailable(x: Exchange) -> Iterator[Finding | Skip]:
    """Clients and load balancers wait and come back for ever, for what will not be there."""
    yield from _status_rule(x, (503,), "that it is away for a while")


@rule(
    "NYI003", MUST, "Streaming that is not implemented is not called a crash (500)",
    spec=STATUS_501, fix="Answer 501: any other 5xx says that something broke.",
    when=declined, good=[GOOD], bad=[no(status=500), no(status=502)],
)  # fmt: skip
@statement
def called_a_crash(x: Exchange) -> Iterator[Finding | Skip]:
    """It is retried, counted as an outage and wakes people up, and nobody learns that `stream` is the reason."""
    yield from _status_rule(x, [s for s in range(500, 600) if s not in (501, 503)], "that something broke")


@rule(
    "NYI004", SHOULD, "Streaming that is not implemented is refused with 501, not with a 4xx",
    spec=STATUS_501, fix="Answer 501 with `x-should-retry: false`: frameworks fall back to one whole answer only then.",
    when=declined, good=[GOOD], bad=[no(status=400), no(status=422)],
)  # fmt: skip
@statement
def called_a_client_s_mistake(x: Exchange) -> Iterator[Finding | Skip]:
    """After a 501 hermes asks again without streaming; after a 400 it gives the turn up."""
    yield from _status_rule(x, range(400, 500), "that the client made a mistake")


def _body_rule(x: Exchange, kind: str, what: str) -> Iterator[Finding]:
    said = refusal(x)
    if said.kind == kind:
        yield Finding(f"the refusal of streaming is {what}", at=said.at, expected="the API's error object as JSON")


@rule(
    "NYI005", MUST, "The refusal of streaming is no HTML page",
    spec=ENVELOPE, fix="Answer with the API's error object as application/json; look for a proxy that replaces error bodies.",
    when=declined, good=[GOOD], bad=[no("<html><h1>501 Not Implemented</h1></html>", headers=[("content-type", "text/html"), NO_RETRY])],
)  # fmt: skip
@statement
def refusal_as_html(x: Exchange) -> Iterator[Finding | Skip]:
    """No framework finds the words that make it fall back: it tries the same again, and shows markup to the user."""
    yield from _body_rule(x, "html", "an HTML page")


@rule(
    "NYI006", MUST, "The refusal of streaming is no plain text",
    spec=ENVELOPE, fix="Answer with the API's error object as application/json.",
    when=declined, good=[GOOD], bad=[no("Streaming is not supported.", headers=[("content-type", "text/plain"), NO_RETRY])],
)  # fmt: skip
@statement
def refusal_as_text(x: Exchange) -> Iterator[Finding | Skip]:
    """A program finds neither code nor param in prose."""
    yield from _body_rule(x, "text", "plain text")


@rule(
    "NYI007", MUST, "The refusal of streaming is not empty",
    spec=ENVELOPE, fix="Answer with the API's error object as application/json.",
    when=declined, good=[GOOD], bad=[no("")],
)  # fmt: skip
@statement
def refusal_without_a_word(x: Exchange) -> Iterator[Finding | Skip]:
    """Nobody learns what is missing or what to do instead."""
    yield from _body_rule(x, "empty", "empty")


@rule(
    "NYI008", MUST, "The refusal of streaming is one JSON text, not an event stream",
    spec=ENVELOPE, fix="Decide before the stream begins, and answer with the error object as application/json.",
    when=declined, good=[GOOD],
    bad=[(exchange(http(501, [SSE, NO_RETRY], sse(SAID, "[DONE]"))), ANSWER)],
)  # fmt: skip
@statement
def refusal_as_events(x: Exchange) -> Iterator[Finding | Skip]:
    """SDKs read the body of an error as JSON: events in its place are an error without a message."""
    yield from _body_rule(x, "events", "an event stream")


@rule(
    "NYI009", MUST, "The refusal of streaming has the API's error object",
    spec=ENVELOPE, fix="Answer {\"error\": {\"message\", \"type\", \"param\", \"code\"}}; replace the framework's own error handler.",
    when=declined, good=[GOOD, GOOD_MESSAGES], bad=[no({"detail": "Streaming is not supported."}), no([SAID]), no({"error": "no"}), no({"message": "no"})],
)  # fmt: skip
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
    "NYI010", MUST, "The refusal of streaming carries a code",
    spec=ENVELOPE, fix=f"Set `error.code` to `{CODE}`.",
    when=declined, apis=("chat", "responses"), good=[GOOD], bad=[no(error(WORDS, param="stream")), no(error(WORDS) | {"error": {"message": WORDS}})],
)  # fmt: skip
@statement
@enveloped
def refusal_without_a_code(said: Refusal) -> Iterator[Finding]:
    """A program that has to choose what to do next can't read sentences."""
    if said.error.get("code") in (None, ""):
        yield Finding("the refusal of streaming has no `error.code`", at=said.at, expected=CODE)


@rule(
    "NYI011", MUST, f"The refusal of streaming carries the code {CODE}",
    spec=ENVELOPE, fix=f"Set `error.code` to `{CODE}`.",
    when=declined, apis=("chat", "responses"), good=[GOOD], bad=[no(error(WORDS, code="not_implemented")), no({"error": {"message": WORDS, "code": 501}})],
)  # fmt: skip
@statement
@enveloped
def refusal_with_another_code(said: Refusal) -> Iterator[Finding | Skip]:
    """The code is what programs compare; another one means another failure to them."""
    code = said.error.get("code")
    if code in (None, ""):
        yield not_applicable("the refusal has no code at all")
    elif code != CODE:
        seen = quoted(code) if isinstance(code, str) else "no text"
        yield Finding(f"the refusal of streaming has the `error.code` {seen}", at=said.at, expected=CODE)


@rule(
    "NYI012", MUST, 'The refusal of streaming says "not supported" and "stream"',
    spec=STATUS_501, fix='Write the words out: "Streaming is not supported".',
    when=declined, good=[GOOD, GOOD_MESSAGES], bad=[no(error("Unavailable. Set stream=false.", code=CODE)), no(error("", code=CODE))],
)  # fmt: skip
@statement
@enveloped
def refusal_without_the_words(said: Refusal) -> Iterator[Finding]:
    """It is by these words in the message that hermes knows to ask again without streaming."""
    text = said.message.lower()
    if missing := [word for word in ("not supported", "stream") if word not in text]:
        words = " and ".join(f'"{word}"' for word in missing)
        yield Finding(f"the message {quoted(said.message)} lacks {words}", at=said.at)


@rule(
    "NYI013", MUST, "The refusal of streaming says what to do instead",
    spec=STATUS_501, fix='End the message with the way out: "Set stream=false".',
    when=declined, good=[GOOD, GOOD_MESSAGES, no(error("Streaming is not supported. Use a non-streaming request.", code=CODE))],
    bad=[no(error("Streaming is not supported.", code=CODE))],
)  # fmt: skip
@statement
@enveloped
def refusal_without_a_hint(said: Refusal) -> Iterator[Finding]:
    """Who reads it in a log has to know that one switch makes it work."""
    if not HINT.search(said.message):
        yield Finding(
            f"the message {quoted(said.message)} does not say what to do", at=said.at, expected="stream=false"
        )


@rule(
    "NYI014", MUST, "The refusal of streaming says `x-should-retry: false`",
    spec=RETRIES, fix="Add the header `x-should-retry: false`.",
    when=declined, good=[GOOD, no(headers=(JSON, ("X-Should-Retry", "false"))), no(status=400, headers=(JSON,))],
    bad=[no(headers=(JSON,)), no(headers=(JSON, ("x-should-retry", "true"))), no(headers=(JSON, ("x-should-retry", "0")))],
)  # fmt: skip
@statement
def refusal_that_is_retried(x: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK retries a 5xx: three requests for each message, eleven with Claude Code, unless this header stops it."""
    value = reply(x).value("x-should-retry")
    if reply(x).status >= 500 and value != "false":
        seen = f"`x-should-retry` is {quoted(value)}" if value else "the header `x-should-retry` is missing"
        yield Finding(seen, at=reply(x).span("x-should-retry"), expected="x-should-retry: false")


@rule(
    "NYI015", MUST, "The refusal of streaming has no Retry-After",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3", fix="Leave Retry-After out; look for a proxy that adds it to every 5xx.",
    when=declined, good=[GOOD], bad=[no(headers=(JSON, NO_RETRY, ("retry-after", "1")))],
)  # fmt: skip
@statement
def refusal_with_retry_after(x: Exchange) -> Iterator[Finding | Skip]:
    """It tells clients to come back, and streaming will not be there then either."""
    for name in ("retry-after", "retry-after-ms"):
        if value := reply(x).value(name):
            yield Finding(f"the refusal of streaming says `{name}: {value[:40]}`", at=reply(x).span(name))


@rule(
    "NYI016", MUST, "The refusal of streaming reports no usage",
    spec=ENVELOPE, fix="Refuse before the model runs, and leave `usage` out.",
    when=declined, good=[GOOD], bad=[no(SAID | {"usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}})],
)  # fmt: skip
@statement
def refusal_with_usage(x: Exchange) -> Iterator[Finding | Skip]:
    """Who pays by usage pays for an answer that nobody got."""
    value = body(x)
    inside = (value, value.get("error")) if isinstance(value, dict) else ()
    if any(isinstance(part, dict) and part.get("usage") is not None for part in inside):
        yield Finding("the refusal of streaming reports a `usage`", at=refusal(x).at, expected="no usage")


@rule(
    "NYI017", MUST, "Only a request for a stream is answered 501",
    spec=STATUS_501, fix="Refuse only where `stream` is true; leave every other request alone.",
    when=declined, good=[GOOD],
    bad=[(GOOD[0], answered(SAID, status=501, headers=(JSON, NO_RETRY)))],
)  # fmt: skip
def refusal_without_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """The way out that the refusal promises is closed as well."""
    if reply(stream).status != 501:
        yield not_applicable("streaming was not refused with 501")
    elif reply(unary).status == 501:
        yield Finding("a request without streaming is answered 501 too", at=reply(unary).head, expected="an answer")


def _waited_ms(x: Exchange, arrival: int) -> float:
    return (x.arrivals[arrival].at_ns - x.sent_at_ns) / NANOSECONDS_PER_MILLISECOND if x.arrivals else 0.0


@rule(
    "NYI018", SHOULD, "Streaming is refused at once",
    spec=STATUS_501, fix="Check `stream` before the model runs.",
    when=declined, timed=True,
    good=[GOOD, (no(arrivals=[(300, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
    bad=[(no(arrivals=[(900, 400)])[0], answered(completion(), arrivals=[(900, 600)]))],
)  # fmt: skip
def refusal_after_generation(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """A refusal that takes as long as an answer has made the answer, and somebody pays for it."""
    if skip := no_statement(stream, unary):
        yield skip
        return
    took, whole = _waited_ms(stream, 0), _waited_ms(unary, -1)
    there = stream.sent_at_ns / NANOSECONDS_PER_MILLISECOND
    if took >= max(PROMPT_MS + there, 0.9 * whole):
        yield Finding(f"the refusal took {took:.0f} ms, the whole answer {whole:.0f} ms", at=reply(stream).head)


@rule(
    "NYI019", SHOULD, "The refusal of streaming names `stream` as its param",
    spec=ENVELOPE, fix="Set `error.param` to `stream`.",
    when=declined, apis=("chat", "responses"), good=[GOOD], bad=[no(error(WORDS, code=CODE)), no(error(WORDS, param="body", code=CODE))],
)  # fmt: skip
@statement
@enveloped
def refusal_without_the_param(said: Refusal) -> Iterator[Finding]:
    """A program sees which field to change, in whatever language the message is."""
    if said.error.get("param") != "stream":
        yield Finding("the refusal of streaming does not name `stream` as `error.param`", at=said.at)


@rule(
    "NYI020", SHOULD, "The refusal of streaming is not offered to caches",
    spec="https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2", fix="Send `cache-control: no-store`, or none.",
    when=declined, good=[GOOD, no(headers=(JSON, NO_RETRY, ("cache-control", "no-store")))],
    bad=[no(headers=(JSON, NO_RETRY, ("cache-control", "public, max-age=600")))],
)  # fmt: skip
@statement
def refusal_that_is_cached(x: Exchange) -> Iterator[Finding | Skip]:
    """A stored refusal outlives the day on which streaming comes."""
    value = ", ".join(reply(x).values("cache-control"))
    if CACHED.search(value) and "no-store" not in value.lower():
        yield Finding(f"the refusal of streaming says `cache-control: {value[:60]}`", at=reply(x).span("cache-control"))


@rule(
    "NYI021", SHOULD, "The refusal of streaming wears the envelope of its own API",
    spec=MESSAGES_ERRORS, fix='On the Messages API put `"type": "error"` beside the error object.',
    when=declined, apis=("messages",), good=[GOOD_MESSAGES],
    bad=[(answered(SAID, status=501, headers=(JSON, NO_RETRY), mode="stream", probe="messages.hello"), GOOD_MESSAGES[1])],
)  # fmt: skip
@statement
@enveloped
def refusal_in_another_api_s_envelope(said: Refusal) -> Iterator[Finding]:
    """SDKs of the Messages API choose their error class by these types."""
    if said.kind != "anthropic":
        yield Finding('the error object has no `"type": "error"` beside it', at=said.at)


@rule(
    "NYI022", SHOULD, "The refusal of streaming is labelled as JSON",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3", fix="Set Content-Type: application/json.",
    when=declined, good=[GOOD, no(headers=(("content-type", "application/problem+json"), NO_RETRY))],
    bad=[no(headers=(("content-type", "text/event-stream"), NO_RETRY)), no(headers=(NO_RETRY,))],
)  # fmt: skip
@statement
def mislabelled_refusal(x: Exchange) -> Iterator[Finding | Skip]:
    """Clients and gateways that go by the label don't look into the error."""
    media = reply(x).media_type
    if not refusal(x).is_json:
        yield not_applicable("the refusal is no JSON")
    elif media != "application/json" and not media.endswith("+json"):
        seen = f"the refusal of streaming is labelled {quoted(media) if media else 'nothing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")
