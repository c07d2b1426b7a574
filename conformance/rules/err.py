"""ERR: errors that a client can act on.

The refusal of streaming is judged by NYI, a refusal that should have come and did not by FLD. The file is long because
a family is one file, and a rule with its examples is some twenty lines.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.exchange import Exchange, Span
from conformance.read.http1 import reply
from conformance.read.refusal import Refusal, error_at, own_fields, quoted, refusal, refuses_streaming
from conformance.read.request import asked
from conformance.read.sse import looks_like_events, span, stream
from conformance.read.value import mapping, sequence
from conformance.rule import When, rule
from conformance.rules.example import (
    HELLO,
    JSON,
    SSE,
    Headers,
    answered,
    chunk,
    completion,
    error,
    exchange,
    http,
    streamed,
)
from conformance.rules.when import (
    OK,
    UNRELATED,
    asks,
    both,
    decided,
    greeted,
    in_a_mode_that_is_offered,
    replied,
    succeeded,
)
from conformance.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable

ENVELOPE = "https://platform.openai.com/docs/guides/error-codes/api-errors"
CODES_4XX = "https://www.rfc-editor.org/rfc/rfc9110#section-15.5"
CODES_5XX = "https://www.rfc-editor.org/rfc/rfc9110#section-15.6"
STREAMED_ERRORS = "https://platform.claude.com/docs/en/build-with-claude/streaming#error-events"

UNREADABLE = ("bad-json", "array-body", "no-messages", "unknown-route")
"""Mistakes that leave nothing to answer."""
FORGIVEN = ("no-model", "unknown-model", "empty-messages", "bad-role", "invalid-utf8", "negative-cap")
"""Mistakes that some servers make the best of."""
ROUTES = ("unknown-route", "get")
"""Mistakes that never reach the API's own code."""
MISTAKES = ("mistake", "wrong-type", "unknown-field")
DOCUMENTED = ("tools", "usage", "n", "witness", "long")
NOTHING = ("None", "null", "undefined", "nil")

LEAK = re.compile(
    r"Traceback \(most recent call last\)|\bgoroutine \d+ \[|panicked at |File \\?\"[^\"]{1,300}\", line \d+"
    r"|\bat [\w.$<>]{1,200} ?\([^)\s]{1,300}\.(?:js|ts|mjs|cjs|java|kt|scala):\d+"
    r"|(?<![\w/.:-])(?:/[\w.-]{1,60}){1,12}\.(?:py|js|ts|mjs|go|rs|rb|php|java|cpp)\b"
    r"|\b[A-Z]:(?:\\{1,2}[\w.-]{1,60}){1,12}\.(?:py|js|ts|cs)\b"
)
LONG_ENOUGH = 8
"""Characters of a message: less may stand in an error by chance."""

MISTAKE: dict[str, Any] = {"probe": "chat.mistake.no-messages", "body": {"model": "m"}}
REFUSED = error("'messages' is missing.", param="messages", code="missing_required_parameter")
GOOD = answered(REFUSED, status=400, **MISTAKE)
GREETING = answered(completion())


def mistaken(x: Exchange) -> Skip | None:
    """The client made a mistake, in a mode that the target offers."""
    return both(asks(*MISTAKES), in_a_mode_that_is_offered, decided)(x)


def _of(abouts: tuple[str, ...]) -> When:
    def is_of(x: Exchange) -> Skip | None:
        if x.question.topic != "mistake" or x.question.about not in abouts:
            return ANOTHER_QUESTION
        return mistaken(x)

    return is_of


def _let_through(x: Exchange) -> Iterator[Finding]:
    if not refusal(x):
        what = x.question.about.replace("-", " ")
        yield Finding(
            f"a client's mistake ({what}) was answered {reply(x).status}", at=reply(x).head, expected="a 4xx error"
        )


@rule(
    "ERR001", MUST, "A request that can't be understood is refused",
    spec=CODES_4XX, fix="Answer 400 with the API's error object; 404 for a path that is not there.",
    when=_of(UNREADABLE), good=[GOOD, answered(REFUSED, status=422, **MISTAKE)],
    bad=[answered(completion(), **MISTAKE), answered("<html>Welcome</html>", probe="chat.mistake.unknown-route")],
)  # fmt: skip
def mistake_answered(x: Exchange) -> Iterator[Finding]:
    """A client that is told 200 believes that all is well, and looks for the fault in itself."""
    yield from _let_through(x)


ROLE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}


@rule(
    "ERR002", SHOULD, "A client's mistake is refused, not made the best of",
    spec=CODES_4XX, fix="Answer 400 that names the field; 404 with code `model_not_found` for a model that is not there.",
    when=_of(FORGIVEN), good=[answered(error("Unknown role.", param="messages[0].role"), status=400, **ROLE)],
    bad=[answered(completion(), **ROLE), answered(completion(), probe="chat.mistake.unknown-model")],
)  # fmt: skip
def mistake_forgiven(x: Exchange) -> Iterator[Finding]:
    """A wrong model's name or role is noticed in production, by other answers than were paid for."""
    yield from _let_through(x)


def _crashed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    status = reply(x).status
    if status < 500 or status == 501:
        return
    if skip := greeted(hello):
        yield skip
    else:
        seen = f"{x.question.topic} {x.question.about}".strip().replace("-", " ", 1)
        yield Finding(f"the target answered {status} to: {seen}", at=reply(x).head)


@rule(
    "ERR003", MUST, "A client's mistake is not called the server's",
    spec=CODES_5XX, fix="Validate before use, and answer 400; catch what the parser and the validator raise.",
    when=mistaken, good=[(GOOD, GREETING), (answered(completion(), **MISTAKE), GREETING)],
    bad=[(answered(REFUSED, status=500, **MISTAKE), GREETING), (answered("", status=502, **MISTAKE), GREETING)],
)  # fmt: skip
def mistake_called_a_crash(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK retries a 5xx: a request that can never work is sent three times or more, and the operator is woken."""
    yield from _crashed(x, hello)


@rule(
    "ERR004", MUST, "A documented request is answered, or refused as not supported",
    spec=CODES_5XX, fix="Refuse what is not supported with a 4xx that names the field.",
    when=both(asks(*DOCUMENTED), in_a_mode_that_is_offered, decided),
    good=[(answered(completion(), probe="chat.n"), GREETING), (answered(error(param="n"), status=400, probe="chat.n"), GREETING)],
    bad=[(answered(error(), status=500, probe="chat.n"), GREETING)],
)  # fmt: skip
def documented_request_crashed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Tools, log probabilities or a schema that bring the server down are retried, to the same end."""
    yield from _crashed(x, hello)


def an_error(x: Exchange) -> Skip | None:
    """An error came that is no statement about streaming, and not that the API is missing."""
    if skip := replied(x):
        return skip
    status = reply(x).status
    if status < 400:
        return not_applicable("no error came")
    if refuses_streaming(x) or (x.question.topic == "hello" and x.mode == "stream"):
        return not_applicable("the error may say that streaming is not offered")
    if x.question.topic == "hello" and status in (404, 405):
        return not_applicable("the API is not offered on this path")
    return None


def _within_the_api(x: Exchange) -> Skip | None:
    return not_applicable("the request never reached the API") if x.question.about in ROUTES else an_error(x)


def _outside_the_api(x: Exchange) -> Skip | None:
    return an_error(x) if x.question.about in ROUTES else ANOTHER_QUESTION


def _unfit(said: Refusal) -> str:
    words = {"html": "an HTML page", "text": "plain text", "empty": "empty", "events": "an event stream"}
    return words.get(said.kind, "")


@rule(
    "ERR005", MUST, "An error is JSON",
    spec=ENVELOPE, fix="Answer errors with the API's error object as application/json, and keep proxies from replacing it.",
    when=_within_the_api, good=[GOOD, answered({"detail": "no"}, status=422, **MISTAKE)],
    bad=[answered("<html>Bad Request</html>", status=400, **MISTAKE), answered("bad request", status=400, **MISTAKE), answered("", status=400, **MISTAKE), streamed(error(), status=400, **MISTAKE)],
)  # fmt: skip
def error_that_is_no_json(x: Exchange) -> Iterator[Finding]:
    """SDKs show the user a status and nothing else, and no program can tell one error from another."""
    if what := _unfit(refusal(x)):
        yield Finding(f"the error {reply(x).status} is {what}", at=refusal(x).at)


@rule(
    "ERR006", MUST, "An error has the API's error object",
    spec=ENVELOPE, fix="Replace the web framework's own error handlers by one that writes {\"error\": {\"message\", \"type\", \"param\", \"code\"}}.",
    when=_within_the_api, good=[GOOD, answered({"type": "error", **REFUSED}, status=400, **MISTAKE)],
    bad=[answered({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, status=422, **MISTAKE), answered([REFUSED], status=400, **MISTAKE), answered({"error": "no"}, status=400, **MISTAKE), answered({"message": "no"}, status=400, **MISTAKE)],
)  # fmt: skip
def error_without_an_error_object(x: Exchange) -> Iterator[Finding | Skip]:
    """SDKs look into `error`: from `detail` the user learns only that it was a 422 without a body."""
    said = refusal(x)
    if not said.is_json:
        yield untestable("the error is no JSON")
    elif said.kind not in ("openai", "anthropic"):
        kinds = {"detail": "a `detail`", "array": "an array", "error-text": "a text under `error`"}
        kind = kinds.get(said.kind, "no `error` object")
        yield Finding(f"the error {said.status} holds {kind}", at=said.at, expected="an `error` object")


@rule(
    "ERR007", SHOULD, "A path or method that is not there is refused with the API's error object",
    spec=ENVELOPE, fix="Give the web framework's 404 and 405 handlers the API's error object.",
    when=_outside_the_api, good=[answered(error("Not found."), status=404, probe="chat.mistake.unknown-route")],
    bad=[answered({"detail": "Not Found"}, status=404, probe="chat.mistake.unknown-route"), answered("<html>", status=404, probe="chat.mistake.unknown-route"), answered("", status=405, probe="chat.mistake.get")],
)  # fmt: skip
def route_error_without_an_error_object(x: Exchange) -> Iterator[Finding]:
    """Who mistypes a base URL gets an error that reads like another product's."""
    said = refusal(x)
    if said.kind not in ("openai", "anthropic"):
        yield Finding(f"the error {said.status} is {_unfit(said) or 'JSON without an `error` object'}", at=said.at)


def _enveloped(x: Exchange) -> Skip | None:
    if skip := an_error(x):
        return skip
    if refusal(x).kind not in ("openai", "anthropic"):
        return untestable("there is no error object to look into")
    return None


def _openai(x: Exchange) -> Skip | None:
    return _enveloped(x) or (None if refusal(x).kind == "openai" else not_applicable("the envelope is another API's"))


def _with(**fields: Any) -> Exchange:
    return answered({"error": REFUSED["error"] | fields}, status=400, **MISTAKE)


@rule(
    "ERR008", MUST, "An error has a message",
    spec=ENVELOPE, fix="Set `error.message` to a sentence that says what is wrong.",
    when=_enveloped, good=[GOOD], bad=[_with(message=""), _with(message=None), _with(message={"text": "no"}), answered({"error": {}}, status=400, **MISTAKE)],
)  # fmt: skip
def error_without_a_message(x: Exchange) -> Iterator[Finding]:
    """It is all that a user ever sees of an error."""
    said = refusal(x)
    if not said.message.strip():
        what = "empty" if isinstance(said.error.get("message"), str) else "no text"
        yield Finding(f"`error.message` of the error {said.status} is {what}", at=said.at)


@rule(
    "ERR009", SHOULD, "An error has a type",
    spec=ENVELOPE, fix="Set `error.type`, for example to `invalid_request_error`.",
    when=_enveloped, good=[GOOD], bad=[_with(type=None), _with(type=400), _with(type="")],
)  # fmt: skip
def error_without_a_type(x: Exchange) -> Iterator[Finding]:
    """Gateways and agents sort errors by it: retry, shorten, or give up."""
    said = refusal(x)
    if not said.type:
        yield Finding(f"`error.type` of the error {said.status} is no text", at=said.at)


@rule(
    "ERR010", SHOULD, "An error's param and code are texts or null",
    spec=ENVELOPE, fix="Always write both keys: a text, or null. A status number is no code.",
    when=_openai, good=[GOOD, answered(error("No."), status=400, **MISTAKE)],
    bad=[_with(code=400), _with(param=["messages"]), answered({"error": {"message": "no", "type": "t"}}, status=400, **MISTAKE)],
)  # fmt: skip
def error_with_another_code(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java) can't parse a number where a text is documented, and lose the whole error."""
    said = refusal(x)
    for name in ("param", "code"):
        if name not in said.error:
            yield Finding(f"the error {said.status} has no `{name}`", at=said.at)
        elif not isinstance(said.error[name], str | None):
            yield Finding(f"`error.{name}` of the error {said.status} is neither text nor null", at=said.at)


@rule(
    "ERR011", SHOULD, "Nothing is written as null, not as the word None",
    spec=ENVELOPE, fix="Write JSON null where there is no value.",
    when=_enveloped, good=[GOOD], bad=[_with(param="None"), _with(type="None"), _with(code="null")],
)  # fmt: skip
def nothing_as_a_word(x: Exchange) -> Iterator[Finding]:
    """People are shown a problem with the field None."""
    said = refusal(x)
    for name in ("type", "param", "code"):
        if said.error.get(name) in NOTHING:
            yield Finding(
                f"`error.{name}` of the error {said.status} is the text {quoted(said.error[name])}", at=said.at
            )


@rule(
    "ERR012", SHOULD, "An error is labelled as JSON",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3", fix="Set Content-Type: application/json on errors too.",
    when=_enveloped, good=[GOOD, answered(REFUSED, status=400, headers=[("content-type", "application/problem+json; charset=utf-8")], **MISTAKE)],
    bad=[answered(REFUSED, status=400, headers=[("content-type", "text/html")], **MISTAKE), answered(REFUSED, status=400, headers=[], **MISTAKE)],
)  # fmt: skip
def mislabelled_error(x: Exchange) -> Iterator[Finding]:
    """Clients and gateways that go by the label don't look into the error."""
    media = reply(x).media_type
    if media != "application/json" and not media.endswith("+json"):
        seen = f"the error {reply(x).status} is labelled {quoted(media) if media else 'nothing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")


def _whole(x: Exchange) -> Skip | None:
    return succeeded(x) or (not_applicable("an event stream came") if looks_like_events(x) else None)


@rule(
    "ERR013", MUST, "An error has an error's status",
    spec=CODES_4XX, fix="Set the status that belongs to the error: 4xx where the client is at fault, else 5xx.",
    when=_whole, good=[GREETING, answered(completion(error=None))],
    bad=[answered(error("No capacity.")), answered(error("No."), mode="stream"), answered({"error": "no"})],
)  # fmt: skip
def error_called_a_success(x: Exchange) -> Iterator[Finding]:
    """No SDK looks for an error under 200: it finds no choices, and the program crashes or shows nothing."""
    if said := refusal(x):
        yield Finding(f"an error came with status {said.status}: {quoted(said.message or said.text)}", at=said.at)


def _broken_off(x: Exchange) -> Skip | None:
    if skip := succeeded(x):
        return skip
    if looks_like_events(x) and error_at(x) is not None:
        return None
    return not_applicable("the stream holds no error")


FIRST = chunk({"role": "assistant", "content": "Hel"})


@rule(
    "ERR014", MUST, "An error inside a stream has the API's error object",
    spec=STREAMED_ERRORS, fix="Send the same error object that a refusal would have, with a message.",
    when=_broken_off, good=[streamed(FIRST, error("The upstream failed.", "server_error"))],
    bad=[streamed(FIRST, {"error": "upstream failed"}), streamed(FIRST, {"error": {"code": 502}}), streamed(FIRST, {"type": "error"})],
)  # fmt: skip
def malformed_error_in_a_stream(x: Exchange) -> Iterator[Finding]:
    """The SDKs raise what stands in `error.message`; anything else becomes an error without a reason."""
    said = refusal(x)
    if said.kind not in ("openai", "anthropic"):
        yield Finding("the error inside the stream is no error object", at=said.at)
    elif not said.message.strip():
        yield Finding("the error inside the stream has no message", at=said.at)


@rule(
    "ERR015", MUST, "Nothing but the end follows an error inside a stream",
    spec=STREAMED_ERRORS, fix="End the stream after the error.",
    when=_broken_off, good=[streamed(FIRST, error("No.")), streamed(FIRST, error("No."), "[DONE]")],
    bad=[streamed(FIRST, error("No."), chunk({"content": "lo"}), chunk(finish="stop"), "[DONE]")],
)  # fmt: skip
def stream_that_goes_on_after_an_error(x: Exchange) -> Iterator[Finding]:
    """Every SDK stops reading at the error: what comes later is paid for and lost."""
    at = error_at(x)
    after = stream(x).dispatched[at + 1 :] if at is not None else ()
    if late := next((event for event in after if not event.is_done), None):
        yield Finding(f"{len(after)} more events follow the error inside the stream", at=span(x, late))


BOTH: dict[str, Any] = {"probe": "chat.mistake.bad-role"}
ROLE_REFUSED = answered(REFUSED, status=400, **BOTH)


@rule(
    "ERR016", MUST, "What is refused without streaming is refused before a stream begins",
    spec=CODES_4XX, fix="Validate the request before the status line is sent.",
    when=mistaken, good=[(answered(REFUSED, status=400, mode="stream", **BOTH), ROLE_REFUSED)],
    bad=[(streamed(REFUSED, "[DONE]", **BOTH), ROLE_REFUSED)],
)  # fmt: skip
def refusal_inside_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Programs go by the status: 200 says that the request was good, and the error is met too late to be handled."""
    late, early = refusal(stream), refusal(unary)
    if late.in_band and 400 <= early.status < 500:
        yield Finding(
            f"streaming, the refusal came inside a {late.status} reply; without, it was {early.status}", at=late.at
        )


@rule(
    "ERR017", SHOULD, "A mistake has the same status, streaming or not",
    spec=CODES_4XX, fix="Validate both kinds of request in the same place.",
    when=mistaken, good=[(answered(REFUSED, status=400, mode="stream", **BOTH), ROLE_REFUSED)],
    bad=[(answered(REFUSED, status=422, mode="stream", **BOTH), ROLE_REFUSED)],
)  # fmt: skip
def status_that_depends_on_streaming(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """A client that learned what 400 means meets another status for the same mistake."""
    one, other = reply(stream).status, reply(unary).status
    if 400 <= one < 500 and 400 <= other < 500 and one != other:
        yield Finding(f"the same mistake is {one} streaming and {other} without", at=reply(stream).head)


def _said_no(x: Exchange) -> Skip | None:
    return replied(x) or (None if refusal(x) else not_applicable("no error came"))


@rule(
    "ERR018", MUST, "An error shows nothing of the server's inside",
    spec="https://cwe.mitre.org/data/definitions/209.html", fix="Log the traceback, and answer with a sentence and a request id.",
    when=_said_no, good=[GOOD, answered(error("See https://example.com/docs/errors.js or /v1/models."), status=400, **MISTAKE)],
    bad=[_with(message='Traceback (most recent call last):\n  File "/app/main.py", line 3'), answered("at Layer.handle (/srv/node_modules/express/lib/router/layer.js:95:5)", status=500, **MISTAKE), _with(message="KeyError in /opt/server/api/chat.py")],
)  # fmt: skip
def leaked_traceback(x: Exchange) -> Iterator[Finding]:
    """Paths and line numbers tell an attacker where to look, and a user nothing."""
    said = refusal(x)
    if found := LEAK.search(said.message) or LEAK.search(said.text):
        yield Finding(f"the error shows the server's inside: {quoted(found[0])}", at=said.at)


@rule(
    "ERR019", MUST, "The key is never sent back",
    spec="https://cwe.mitre.org/data/definitions/201.html", fix="Never write a credential into a reply, a header or an error.",
    when=replied, good=[GOOD], bad=[replace(GOOD, masked=(Span(60, 70),))],
)  # fmt: skip
def key_sent_back(x: Exchange) -> Iterator[Finding]:
    """Replies are logged by clients, proxies and monitors that should never hold a key."""
    for at in x.masked:
        if at.side == "heard":
            yield Finding("the target repeated the API key", at=at)


SECRET: dict[str, Any] = {
    "body": {"model": "m", "messages": [{"role": "user", "content": "My name is Rumpelstiltskin."}]},
    "probe": "chat.mistake.bad-role",
}


@rule(
    "ERR020", SHOULD, "An error does not repeat the conversation",
    spec="https://cwe.mitre.org/data/definitions/209.html", fix="Leave the input out of validation errors (in pydantic: include_input=False).",
    when=_said_no, good=[answered(REFUSED, status=400, **SECRET)],
    bad=[answered({"detail": [{"msg": "no", "input": SECRET["body"]}]}, status=422, **SECRET)],
)  # fmt: skip
def conversation_sent_back(x: Exchange) -> Iterator[Finding]:
    """Errors are logged where conversations must not be."""
    said = refusal(x)
    texts = (mapping(message).get("content") for message in sequence(asked(x).get("messages")))
    if any(isinstance(t, str) and len(t) >= LONG_ENOUGH and (t in said.text or t in said.message) for t in texts):
        yield Finding(f"the error {said.status} repeats a message of the request", at=said.at)


def _method_refused(x: Exchange) -> Skip | None:
    return replied(x) or (None if reply(x).status == 405 else not_applicable("the method was not refused"))


ALLOW: Headers = (JSON, ("allow", "POST"))


@rule(
    "ERR021", SHOULD, "A refused method comes with the ones that are allowed",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6", fix="Send the header Allow, for example `Allow: POST`.",
    when=_method_refused, good=[answered(error(), status=405, headers=ALLOW, probe="chat.mistake.get")],
    bad=[answered(error(), status=405, probe="chat.mistake.get")],
)  # fmt: skip
def method_refused_without_allow(x: Exchange) -> Iterator[Finding]:
    """The header is what tells a wrong method from a wrong path."""
    if not reply(x).values("allow"):
        yield Finding("the reply is 405 without the header Allow", at=reply(x).head)


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
    "ERR022", MUST, "A plain greeting is answered",
    spec="https://platform.openai.com/docs/api-reference/chat/create", fix="Read the error, and try the same request with curl.",
    when=both(asks("hello"), replied, _let_in, _no_other_rule_s), good=[GREETING, streamed(*HELLO)],
    bad=[answered(error("Boom."), status=500), answered(error("Busy."), status=429, headers=(JSON, ("retry-after", "1"))), streamed(error("Upstream failed.")), exchange(http(200, [SSE], b'data: {"error":{}, "type":"error"}\n\n'))],
)  # fmt: skip
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
