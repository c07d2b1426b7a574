"""AUTH: the key. Who has none or a wrong one is refused: on every route, in either mode, and in words that help.

All of it is judged only where the run has a key, and the plain greeting was answered with it.
"""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import body, refusal
from conformance.apis.request import has_key
from conformance.model.exchange import Exchange, Span
from conformance.model.profile import WRONG_KEY
from conformance.model.rule import When, rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, asks, both, greeted, in_a_mode_that_is_offered, replied
from conformance.rules.example import HELLO, JSON, answered, completion, error, streamed
from conformance.rules.msg.example import GREETING as MESSAGE

RFC9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-"
UNAUTHORIZED = RFC9110 + "15.5.2"
AUTHENTICATION = "https://platform.openai.com/docs/api-reference/authentication"

LOCKED = (401, 403)
OF_A_ROUTE = (404, 405, 501)
ANSWERS = ("choices", "output", "content", "data", "completion", "response")
"""What holds the answer, on the routes that lead to a model."""

KEY: dict[str, Any] = {"asking": [("authorization", "Bearer ********")]}
WRONG: dict[str, Any] = {"probe": "chat.auth.wrong-key"}
NONE: dict[str, Any] = {"probe": "chat.auth.no-key"}
CHALLENGE = ("www-authenticate", "Bearer")
NO = error("The key is not valid.", code="invalid_api_key")

GREETING = answered(completion(), **KEY)
REFUSED = answered(NO, status=401, headers=(JSON, CHALLENGE), **WRONG)
REFUSED_BARE = answered(NO, status=401, headers=(JSON, CHALLENGE), **NONE)


def is_open(x: Exchange) -> bool:
    """Whether the question was answered."""
    return reply(x).status in OK and not refusal(x)


def is_refused(x: Exchange) -> bool:
    """Whether the question was refused as the client's fault, and not by a rate limit."""
    return 400 <= reply(x).status < 500 and reply(x).status != 429


def _keyed(hello: Exchange) -> Skip | None:
    """The run has a key, and it opens the plain greeting."""
    return greeted(hello) or (None if has_key(hello) else not_applicable("the run has no key of its own"))


def _of(topic: str, *abouts: str) -> When:
    """A question about the key, in a mode that is offered, and no rate limit came in its way."""

    def is_of(x: Exchange) -> Skip | None:
        if x.question.topic != topic or (abouts and x.question.about not in abouts):
            return ANOTHER_QUESTION
        if skip := in_a_mode_that_is_offered(x) or replied(x):
            return skip
        return untestable("rate limited (429)") if reply(x).status == 429 else None

    return is_of


@rule(
    "AUTH001",
    MUST,
    "A wrong key is refused where a missing one is",
    spec=AUTHENTICATION,
    fix="Compare the key with those that were given out, and don't just look whether one is there.",
    when=_of("auth", "wrong-key", "wrong-key-stream", "wrong-x-api-key"),
    good=[(REFUSED, GREETING, REFUSED_BARE)],
    bad=[(answered(completion(), **WRONG), GREETING, REFUSED_BARE)],
    beside={"bare": "auth.no-key"},
)
def wrong_key_accepted(x: Exchange, hello: Exchange, bare: Exchange) -> Iterator[Finding | Skip]:
    """Anybody who invents a key uses the model at the owner's expense."""
    if skip := _keyed(hello):
        yield skip
    elif is_open(bare):
        yield not_applicable("the target asks for no key")
    elif not is_refused(bare):
        yield untestable(f"the greeting without a key was answered {reply(bare).status}")
    elif is_open(x):
        yield Finding(
            f"a wrong key was accepted; without one the target answers {reply(bare).status}", at=reply(x).head
        )


@rule(
    "AUTH002",
    MUST,
    "A key is asked for streaming or not",
    spec=AUTHENTICATION,
    fix="Check the key in one place, before the request is read.",
    when=_of("auth"),
    good=[(answered(NO, status=401, mode="stream", **NONE), REFUSED_BARE, GREETING)],
    bad=[
        (streamed(*HELLO, **NONE), REFUSED_BARE, GREETING),
        (answered(NO, status=401, mode="stream", **NONE), answered(completion(), **NONE), GREETING),
        (streamed(NO, "[DONE]", **NONE), REFUSED_BARE, GREETING),
    ],
    beside={"hello": "unary:hello"},
)
def key_asked_for_in_one_mode(stream: Exchange, unary: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """One mode is free for all; or programs that go by the status take a refusal inside a stream for an answer."""
    if skip := _keyed(hello):
        yield skip
    elif is_refused(unary) and is_open(stream):
        yield Finding(f"refused with {reply(unary).status}, and answered as a stream", at=reply(stream).head)
    elif is_refused(stream) and is_open(unary):
        yield Finding(f"refused with {reply(stream).status} as a stream, and answered without", at=reply(unary).head)
    elif is_refused(unary) and reply(stream).status in OK:
        seen = f"refused with {reply(unary).status}; streaming, the refusal came inside a {reply(stream).status} reply"
        yield Finding(seen, at=refusal(stream).at)


def _of_the_key(x: Exchange) -> Skip | None:
    """No key or a wrong one was sent, to the API or for the list of models."""
    is_listing = x.question.topic == "models"
    return _of("models", "wrong-key")(x) if is_listing else _of("auth")(x)


@rule(
    "AUTH003",
    MUST,
    "A missing or wrong key is not called the server's failure",
    spec=RFC9110 + "15.6",
    fix="Answer 401; catch what the check of the key raises, a database that is not there included.",
    when=_of_the_key,
    good=[(REFUSED, GREETING), (answered(completion(), **WRONG), GREETING)],
    bad=[(answered("", status=500, **WRONG), GREETING), (answered(NO, status=502, **NONE), GREETING)],
)
def wrong_key_called_a_crash(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Every SDK retries a 5xx, and the user who mistyped a key is told that the service is down."""
    status = reply(x).status
    if skip := _keyed(hello):
        yield skip
    elif status == 503 and reply(x).value("retry-after"):
        yield untestable("the target refused for a reason of its own (503)")
    elif 500 <= status < 600 and status != 501:
        yield Finding(f"the target answered {status} to: {x.question.about.replace('-', ' ', 1)}", at=reply(x).head)


def _turned_away(x: Exchange) -> Skip | None:
    return _of("auth")(x) or (None if is_refused(x) else not_applicable("the question was not refused"))


@rule(
    "AUTH004",
    SHOULD,
    "A missing or wrong key is refused with 401",
    spec=UNAUTHORIZED,
    fix="Answer 401 (403 is understood, too).",
    when=_turned_away,
    good=[(REFUSED, GREETING), (answered(NO, status=403, **WRONG), GREETING)],
    bad=[(answered(NO, status=status, **WRONG), GREETING) for status in (400, 404, 422)],
)
def key_refused_by_another_status(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """SDKs raise an authentication error by the status alone: at a 400 users search their request for the fault."""
    if skip := _keyed(hello):
        yield skip
    elif reply(x).status not in LOCKED:
        yield Finding(f"the key was refused with {reply(x).status}", at=reply(x).head, expected="401")


def _unauthorized(x: Exchange) -> Skip | None:
    return _of_the_key(x) or (None if reply(x).status == 401 else not_applicable("the target did not answer 401"))


@rule(
    "AUTH005",
    SHOULD,
    "A 401 says how to authenticate",
    spec=UNAUTHORIZED,
    fix="Send the header `WWW-Authenticate: Bearer` with every 401.",
    when=_unauthorized,
    good=[(REFUSED, GREETING)],
    bad=[(answered(NO, status=401, **WRONG), GREETING)],
)
def unauthorized_without_a_challenge(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """HTTP asks for it, and proxies and browsers go by it."""
    if skip := _keyed(hello):
        yield skip
    elif not reply(x).values("www-authenticate"):
        yield Finding("the reply is 401 without the header WWW-Authenticate", at=reply(x).head)


def _with_a_wrong_one(x: Exchange) -> Skip | None:
    return _of_the_key(x) if x.question.about.startswith("wrong") else ANOTHER_QUESTION


@rule(
    "AUTH006",
    SHOULD,
    "A wrong key is not sent back whole",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Write no more of it than a few characters.",
    when=_with_a_wrong_one,
    good=[REFUSED, answered(error(f"Wrong key: {WRONG_KEY[:4]}***."), status=401, **WRONG)],
    bad=[
        answered(error(f"Wrong key: {WRONG_KEY}."), status=401, **WRONG),
        answered(NO, status=401, headers=(JSON, ("x-key", WRONG_KEY)), **WRONG),
    ],
)
def wrong_key_sent_back(x: Exchange) -> Iterator[Finding]:
    """A wrong key is mostly another service's right one, or this one's with a slip: it ends in every client's log."""
    word, answer = WRONG_KEY.encode(), reply(x)
    at = x.heard.find(word)
    if at >= 0 or word in answer.content:
        yield Finding("the reply repeats the whole key", at=Span(at, at + len(word)) if at >= 0 else answer.head)


@rule(
    "AUTH007",
    SHOULD,
    "The models are listed to those who may ask them",
    spec="https://platform.openai.com/docs/api-reference/models/list",
    fix="Check the key for the list of models too; or say in the documentation that the list is public.",
    when=_of("models", "wrong-key"),
    good=[(answered(NO, status=401, probe="chat.models.wrong-key"), GREETING, REFUSED)],
    bad=[(answered({"object": "list", "data": []}, probe="chat.models.wrong-key"), GREETING, REFUSED)],
    beside={"wrong": "auth.wrong-key"},
)
def models_listed_to_anyone(x: Exchange, hello: Exchange, wrong: Exchange) -> Iterator[Finding | Skip]:
    """Set-up wizards try a key on the list of models: they call a wrong one good, and the first question fails."""
    if skip := _keyed(hello):
        yield skip
    elif not is_refused(wrong):
        yield not_applicable("the API did not refuse the wrong key")
    elif reply(x).status in OF_A_ROUTE:
        yield not_applicable(f"models are not listed here ({reply(x).status})")
    elif is_open(x):
        yield Finding(
            f"the models are listed with a key that the API refuses ({reply(wrong).status})", at=reply(x).head
        )


@rule(
    "AUTH008",
    MUST,
    "Every route to the model asks for the key",
    spec=AUTHENTICATION,
    fix="Check the key before the routing, for every path.",
    when=_of("sibling"),
    good=[(answered(NO, status=code, probe="chat.sibling.responses"), GREETING, REFUSED_BARE) for code in (401, 404)],
    bad=[
        (answered({"choices": [{"text": "Hi"}]}, probe="chat.sibling.completions"), GREETING, REFUSED_BARE),
        (answered({"output": []}, probe="chat.sibling.responses"), GREETING, REFUSED_BARE),
    ],
    beside={"bare": "auth.no-key"},
)
def route_without_a_lock(x: Exchange, hello: Exchange, bare: Exchange) -> Iterator[Finding | Skip]:
    """A protected server that anybody may use: only another path has to be known."""
    value = body(x)
    if skip := _keyed(hello):
        yield skip
    elif not is_refused(bare):
        yield not_applicable("the API asks for no key")
    elif is_open(x) and isinstance(value, dict) and any(name in value for name in ANSWERS):
        seen = f"/{x.question.about} is answered without a key; the API refuses that with {reply(bare).status}"
        yield Finding(seen, at=reply(x).head)


BARE: dict[str, Any] = {"probe": "chat.bare", **KEY}
BLOCKED = answered("blocked", status=403, **KEY)
BLOCKED_TOO = answered("blocked", status=403, **BARE)


@rule(
    "AUTH009",
    MUST,
    "What a bare request gets, an SDK's gets too",
    spec=AUTHENTICATION,
    fix="Let the SDKs' headers pass (User-Agent, X-Stainless-…): look for a firewall's rule against robots.",
    when=both(asks("bare"), replied),
    good=[(answered(completion(), **BARE), GREETING, GREETING), (BLOCKED_TOO, BLOCKED, BLOCKED)],
    bad=[(answered(completion(), **BARE), BLOCKED, BLOCKED)],
    beside={"other": "witness.max_tokens"},
)
def sdk_headers_refused(x: Exchange, hello: Exchange, other: Exchange) -> Iterator[Finding]:
    """It works with curl, and with no agent: users look for the fault everywhere else."""
    status = reply(hello).status
    if is_open(x) and status >= 400 and status != 429 and not is_open(other):
        yield Finding(
            f"with an SDK's headers the greeting was answered {status}, without them it was good", at=reply(x).head
        )


@rule(
    "AUTH010",
    SHOULD,
    "A missing key is refused where a wrong one is",
    spec=AUTHENTICATION,
    fix="Refuse where the header is missing, too; where everybody may ask, say so in the documentation.",
    when=_of("auth", "wrong-key"),
    good=[(REFUSED, GREETING, REFUSED_BARE)],
    bad=[(REFUSED, GREETING, answered(completion(), **NONE))],
    beside={"bare": "auth.no-key"},
)
def missing_key_accepted(x: Exchange, hello: Exchange, bare: Exchange) -> Iterator[Finding | Skip]:
    """A check that runs only where there is a key is none: who leaves the header out comes in."""
    if skip := _keyed(hello):
        yield skip
    elif is_refused(x) and is_open(bare):
        seen = f"a wrong key is refused with {reply(x).status}; without any the greeting was answered"
        yield Finding(seen, at=reply(x).head)


OWN: dict[str, Any] = {"probe": "messages.auth.x-api-key"}
AS_BEARER = answered(MESSAGE, probe="messages.hello", asking=[("authorization", "Bearer ********")])


@rule(
    "AUTH011",
    SHOULD,
    "Messages take the key as x-api-key, too",
    spec="https://platform.claude.com/docs/en/api/overview#authentication",
    fix="Read the key from `x-api-key` where there is no `Authorization: Bearer`.",
    apis=("messages",),
    when=_of("auth", "x-api-key"),
    good=[(answered(MESSAGE, **OWN), AS_BEARER)],
    bad=[(answered(NO, status=401, **OWN), AS_BEARER)],
)
def x_api_key_refused(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """The API's documented header: agents, other languages' SDKs and older ones send the key there and nowhere else."""
    if skip := _keyed(hello):
        yield skip
    elif reply(x).status in LOCKED:
        seen = f"the key is good as a bearer token; as x-api-key it was refused with {reply(x).status}"
        yield Finding(seen, at=reply(x).head)
