"""The error object: that it is there, and what it holds."""

from collections.abc import Iterator

from conformance.apis.errors import Refusal, quoted, refusal, refuses_streaming
from conformance.apis.request import asked
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import both, readable, whole
from conformance.rules.err.example import GOOD, MISTAKE, REFUSED, refused_with
from conformance.rules.err.spec import ENVELOPE
from conformance.rules.example import answered, error, streamed

OUTSIDE = ("auth", "models", "sibling")
"""Questions that another route than the API's answers, or the check of the key before it."""
BEFORE = ("unknown-route", "get", "huge-body")
"""Mistakes that the web server or framework may refuse before the API's own code sees them."""

NOTHING = ("None", "null", "undefined", "nil")


def an_error(x: Exchange) -> Skip | None:
    """An error came that can be read, and is no statement about streaming, and not that the API is missing."""
    status = reply(x).status
    if 0 < status < 400:
        return not_applicable("no error came")
    if skip := readable(x) or whole(x):
        return skip
    if status == 429:
        return not_applicable("a rate limit says nothing of the question")
    if refuses_streaming(x) or (x.question.topic == "hello" and x.mode == "stream"):
        return not_applicable("the error may say that streaming is not offered")
    if x.question.topic == "hello" and status in (404, 405):
        return not_applicable("the API is not offered on this path")
    return None


def _is_outside(x: Exchange) -> bool:
    return x.question.topic in OUTSIDE or (x.question.topic == "mistake" and x.question.about in BEFORE)


def _within_the_api(x: Exchange) -> Skip | None:
    return not_applicable("the request may never have reached the API") if _is_outside(x) else an_error(x)


def _outside_the_api(x: Exchange) -> Skip | None:
    return an_error(x) if _is_outside(x) and x.question.topic != "sibling" else ANOTHER_QUESTION


def _unfit(said: Refusal) -> str:
    words = {"html": "an HTML page", "text": "plain text", "empty": "empty", "events": "an event stream"}
    return words.get(said.kind, "")


@rule(
    "ERR005",
    MUST,
    "An error is JSON",
    spec=ENVELOPE,
    fix="Answer errors with the API's error object as application/json, and keep proxies from replacing it.",
    when=_within_the_api,
    good=[GOOD, answered({"detail": "no"}, status=422, **MISTAKE)],
    bad=[
        answered("<html>Bad Request</html>", status=400, **MISTAKE),
        answered("bad request", status=400, **MISTAKE),
        answered("", status=400, **MISTAKE),
        streamed(error(), status=400, **MISTAKE),
    ],
)
def error_that_is_no_json(x: Exchange) -> Iterator[Finding]:
    """SDKs show the user a status and nothing else, and no program can tell one error from another."""
    if what := _unfit(refusal(x)):
        yield Finding(f"the error {reply(x).status} is {what}", at=refusal(x).at)


@rule(
    "ERR006",
    MUST,
    "An error has the API's error object",
    spec=ENVELOPE,
    fix='Replace the web framework\'s own error handlers by one that writes {"error": {"message", "type", "param", "code"}}.',
    when=_within_the_api,
    good=[GOOD, answered({"type": "error", **REFUSED}, status=400, **MISTAKE)],
    bad=[
        answered({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, status=422, **MISTAKE),
        answered([REFUSED], status=400, **MISTAKE),
        answered({"error": "no"}, status=400, **MISTAKE),
        answered({"message": "no"}, status=400, **MISTAKE),
    ],
)
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
    "ERR007",
    SHOULD,
    "What is refused before it reaches the API is refused with the API's error object",
    spec=ENVELOPE,
    fix="Give the API's error object to the check of the key (401) and to the web framework's 404, 405 and 413.",
    when=_outside_the_api,
    good=[answered(error("Not found."), status=404, probe="chat.mistake.unknown-route")],
    bad=[
        answered({"detail": "Not Found"}, status=404, probe="chat.mistake.unknown-route"),
        answered("<html>", status=404, probe="chat.mistake.unknown-route"),
        answered("", status=405, probe="chat.mistake.get"),
        answered({"error": "Unauthorized"}, status=401, probe="chat.auth.wrong-key"),
        answered({"detail": "Not Found"}, status=404, probe="chat.models.unknown"),
        answered(error(""), status=404, probe="chat.mistake.unknown-route"),
    ],
)
def early_error_without_an_error_object(x: Exchange) -> Iterator[Finding]:
    """Who mistypes a base URL, a model or a key gets an error that reads like another product's."""
    said = refusal(x)
    if said.kind not in ("openai", "anthropic"):
        yield Finding(f"the error {said.status} is {_unfit(said) or 'JSON without an `error` object'}", at=said.at)
    elif not said.message.strip():
        yield Finding(f"the error {said.status} has no message", at=said.at)


def _enveloped(x: Exchange) -> Skip | None:
    if skip := an_error(x):
        return skip
    if refusal(x).kind not in ("openai", "anthropic"):
        return untestable("there is no error object to look into")
    return None


def _openai(x: Exchange) -> Skip | None:
    return _enveloped(x) or (None if refusal(x).kind == "openai" else not_applicable("the envelope is another API's"))


@rule(
    "ERR008",
    MUST,
    "An error has a message",
    spec=ENVELOPE,
    fix="Set `error.message` to a sentence that says what is wrong.",
    when=both(_within_the_api, _enveloped),
    good=[GOOD],
    bad=[
        refused_with(message=""),
        refused_with(message=None),
        refused_with(message={"text": "no"}),
        answered({"error": {}}, status=400, **MISTAKE),
    ],
)
def error_without_a_message(x: Exchange) -> Iterator[Finding]:
    """It is all that a user ever sees of an error."""
    said = refusal(x)
    if not said.message.strip():
        what = "empty" if isinstance(said.error.get("message"), str) else "no text"
        yield Finding(f"`error.message` of the error {said.status} is {what}", at=said.at)


@rule(
    "ERR009",
    SHOULD,
    "An error has a type",
    spec=ENVELOPE,
    fix="Set `error.type`, for example to `invalid_request_error`.",
    when=_enveloped,
    good=[GOOD],
    bad=[refused_with(type=None), refused_with(type=400), refused_with(type="")],
)
def error_without_a_type(x: Exchange) -> Iterator[Finding]:
    """Gateways and agents sort errors by it: retry, shorten, or give up."""
    said = refusal(x)
    if not said.type:
        yield Finding(f"`error.type` of the error {said.status} is no text", at=said.at)


@rule(
    "ERR010",
    SHOULD,
    "An error's param and code are texts or null",
    spec=ENVELOPE,
    fix="Always write both keys: a text, or null. A status number is no code.",
    when=_openai,
    good=[GOOD, answered(error("No."), status=400, **MISTAKE)],
    bad=[
        refused_with(code=400),
        refused_with(param=["messages"]),
        answered({"error": {"message": "no", "type": "t"}}, status=400, **MISTAKE),
    ],
)
def error_with_another_code(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java) can't parse a number where a text is documented, and lose the whole error."""
    said = refusal(x)
    for name in ("param", "code"):
        if name not in said.error:
            yield Finding(f"the error {said.status} has no `{name}`", at=said.at)
        elif not isinstance(said.error[name], str | None):
            yield Finding(f"`error.{name}` of the error {said.status} is neither text nor null", at=said.at)


@rule(
    "ERR011",
    SHOULD,
    "Nothing is written as null, not as the word None",
    spec=ENVELOPE,
    fix="Write JSON null where there is no value.",
    when=_enveloped,
    good=[GOOD],
    bad=[refused_with(param="None"), refused_with(type="None"), refused_with(code="null")],
)
def nothing_as_a_word(x: Exchange) -> Iterator[Finding]:
    """People are shown a problem with the field None."""
    said = refusal(x)
    for name in ("type", "param", "code"):
        if said.error.get(name) in NOTHING and said.error[name] not in asked(x):
            yield Finding(
                f"`error.{name}` of the error {said.status} is the text {quoted(said.error[name])}", at=said.at
            )


@rule(
    "ERR012",
    SHOULD,
    "An error is labelled as JSON",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
    fix="Set Content-Type: application/json on errors too.",
    when=_enveloped,
    good=[
        GOOD,
        answered(REFUSED, status=400, headers=[("content-type", "application/problem+json; charset=utf-8")], **MISTAKE),
    ],
    bad=[
        answered(REFUSED, status=400, headers=[("content-type", "text/html")], **MISTAKE),
        answered(REFUSED, status=400, headers=[], **MISTAKE),
    ],
)
def mislabelled_error(x: Exchange) -> Iterator[Finding]:
    """Clients and gateways that go by the label don't look into the error."""
    media = reply(x).media_type
    if media != "application/json" and not media.endswith("+json"):
        seen = f"the error {reply(x).status} is labelled {quoted(media) if media else 'nothing'}"
        yield Finding(seen, at=reply(x).span("content-type"), expected="application/json")
