"""What a client's mistake is answered with, streaming or not."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import quoted, refusal
from conformance.apis.request import EXTENDED, NO_JSON, body_sent
from conformance.model.exchange import Exchange
from conformance.model.rule import When, rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import UNRELATED, asks, both, decided, greeted, in_a_mode_that_is_offered, replied
from conformance.rules.err.example import GOOD, GREETING, MISTAKE, REFUSED
from conformance.rules.err.spec import CODES_4XX, CODES_5XX
from conformance.rules.example import HELLO, JSON, Headers, answered, completion, error, streamed

UNREADABLE = ("bad-json", "array-body", "empty-body", "no-messages", "unknown-route")
"""Mistakes that leave nothing to answer."""
FORGIVEN = (
    "no-model",
    "unknown-model",
    "empty-messages",
    "bad-role",
    "invalid-utf8",
    "negative-cap",
    "zero-cap",
    "n-zero",
    "top-logprobs-alone",
    "response-format",
)
"""Mistakes that some servers make the best of."""

MISTAKES = ("mistake", "wrong-type", "unknown-field", "range", "fuzz")
DOCUMENTED = ("tools", "usage", "n", "witness", "long", "short", "form", "twin", "seed")


def mistaken(x: Exchange) -> Skip | None:
    """The client made a mistake, in a mode that the target offers."""
    return both(asks(*MISTAKES), in_a_mode_that_is_offered, decided)(x)


def _of(abouts: tuple[str, ...], fuzzed: str) -> When:
    """A mistake of these, or a fuzzed body of that kind."""

    def is_of(x: Exchange) -> Skip | None:
        is_odd = x.question.topic == "fuzz" and x.question.about.partition(".")[0] == fuzzed
        is_mistake = x.question.topic == "mistake" and x.question.about in abouts
        return mistaken(x) if is_mistake or (is_odd and not isinstance(body_sent(x), dict)) else ANOTHER_QUESTION

    return is_of


def _let_through(x: Exchange) -> Iterator[Finding]:
    if not refusal(x):
        what = x.question.about.replace("-", " ")
        yield Finding(
            f"a client's mistake ({what}) was answered {reply(x).status}", at=reply(x).head, expected="a 4xx error"
        )


@rule(
    "ERR001",
    MUST,
    "A request that can't be understood is refused",
    spec=CODES_4XX,
    fix="Answer 400 with the API's error object; 404 for a path that is not there.",
    when=_of(UNREADABLE, NO_JSON),
    good=[GOOD, answered(REFUSED, status=422, **MISTAKE)],
    bad=[answered(completion(), **MISTAKE), answered("<html>Welcome</html>", probe="chat.mistake.unknown-route")],
)
def mistake_answered(x: Exchange) -> Iterator[Finding]:
    """A client that is told 200 believes that all is well, and looks for the fault in itself."""
    yield from _let_through(x)


ROLE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}


@rule(
    "ERR002",
    SHOULD,
    "A client's mistake is refused, not made the best of",
    spec=CODES_4XX,
    fix="Answer 400 that names the field; 404 with code `model_not_found` for a model that is not there.",
    when=_of(FORGIVEN, EXTENDED),
    good=[answered(error("Unknown role.", param="messages[0].role"), status=400, **ROLE)],
    bad=[answered(completion(), **ROLE), answered(completion(), probe="chat.mistake.unknown-model")],
)
def mistake_forgiven(x: Exchange) -> Iterator[Finding]:
    """A wrong model's name or role is noticed in production, by other answers than were paid for."""
    yield from _let_through(x)


def _crashed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    status = reply(x).status
    if status not in range(500, 600) or status == 501:
        return
    if skip := greeted(hello):
        yield skip
    else:
        seen = f"{x.question.topic} {x.question.about}".strip().replace("-", " ", 1)
        yield Finding(f"the target answered {status} to: {seen}", at=reply(x).head)


@rule(
    "ERR003",
    MUST,
    "A client's mistake is not called the server's",
    spec=CODES_5XX,
    fix="Validate before use, and answer 400; catch what the parser and the validator raise.",
    when=mistaken,
    good=[(GOOD, GREETING), (answered(completion(), **MISTAKE), GREETING)],
    bad=[(answered(REFUSED, status=500, **MISTAKE), GREETING), (answered("", status=502, **MISTAKE), GREETING)],
)
def mistake_called_a_crash(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK retries a 5xx: a request that can never work is sent three times or more, and the operator is woken."""
    yield from _crashed(x, hello)


@rule(
    "ERR004",
    MUST,
    "A documented request is answered, or refused as not supported",
    spec=CODES_5XX,
    fix="Answer it to the end, or refuse what is not supported with a 4xx that names the field, before the stream begins.",
    when=both(asks(*DOCUMENTED), in_a_mode_that_is_offered, decided),
    good=[
        (answered(completion(), probe="chat.n"), GREETING),
        (answered(error(param="n"), status=400, probe="chat.n"), GREETING),
    ],
    bad=[
        (answered(error(), status=500, probe="chat.n"), GREETING),
        (streamed(error("Boom."), probe="chat.n"), streamed(*HELLO)),
        (streamed(*HELLO[:2], {"error": "Boom."}, probe="chat.long"), streamed(*HELLO)),
    ],
)
def documented_request_crashed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Tools, log probabilities or a schema that bring the server down are retried, to the same end."""
    said = refusal(x)
    if not (said.in_band and looks_like_events(x)):
        yield from _crashed(x, hello)
    elif said.error.get("code") in UNRELATED:
        yield untestable(f"the stream broke off for a reason of the target's own ({said.error['code']})")
    elif skip := greeted(hello):
        yield skip
    else:
        yield Finding(f"the stream ended in an error: {quoted(said.message or said.text)}", at=said.at)


ROLE_REFUSED = answered(REFUSED, status=400, **ROLE)


@rule(
    "ERR016",
    MUST,
    "What is refused without streaming is refused before a stream begins",
    spec=CODES_4XX,
    fix="Validate the request before the status line is sent.",
    when=mistaken,
    good=[(answered(REFUSED, status=400, mode="stream", **ROLE), ROLE_REFUSED)],
    bad=[(streamed(REFUSED, "[DONE]", **ROLE), ROLE_REFUSED)],
)
def refusal_inside_a_stream(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Programs go by the status: 200 says that the request was good, and the error is met too late to be handled."""
    late, early = refusal(stream), refusal(unary)
    if late.in_band and 400 <= early.status < 500:
        yield Finding(
            f"streaming, the refusal came inside a {late.status} reply; without, it was {early.status}", at=late.at
        )


@rule(
    "ERR017",
    SHOULD,
    "A mistake has the same status, streaming or not",
    spec=CODES_4XX,
    fix="Validate both kinds of request in the same place.",
    when=mistaken,
    good=[(answered(REFUSED, status=400, mode="stream", **ROLE), ROLE_REFUSED)],
    bad=[(answered(REFUSED, status=422, mode="stream", **ROLE), ROLE_REFUSED)],
)
def status_that_depends_on_streaming(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """A client that learned what 400 means meets another status for the same mistake."""
    one, other = reply(stream).status, reply(unary).status
    if 400 <= one < 500 and 400 <= other < 500 and one != other:
        yield Finding(f"the same mistake is {one} streaming and {other} without", at=reply(stream).head)


def _method_refused(x: Exchange) -> Skip | None:
    return replied(x) or (None if reply(x).status == 405 else not_applicable("the method was not refused"))


ALLOW: Headers = (JSON, ("allow", "POST"))


@rule(
    "ERR021",
    SHOULD,
    "A refused method comes with the ones that are allowed",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6",
    fix="Send the header Allow, for example `Allow: POST`.",
    when=_method_refused,
    good=[answered(error(), status=405, headers=ALLOW, probe="chat.mistake.get")],
    bad=[answered(error(), status=405, probe="chat.mistake.get")],
)
def method_refused_without_allow(x: Exchange) -> Iterator[Finding]:
    """The header is what tells a wrong method from a wrong path."""
    if not reply(x).values("allow"):
        yield Finding("the reply is 405 without the header Allow", at=reply(x).head)
