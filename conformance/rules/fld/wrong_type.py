"""Fields of a wrong type: who answers them does not read them."""

from collections.abc import Iterator

from conformance.apis.errors import names, refusal
from conformance.field_support.capability import RIDER, announced, companions
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import BODILESS, asks, both, decided, greeted, in_a_mode_that_is_offered, readable
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.fld.example import GREETING, MISTYPED, NAMED, UNNAMED, USER
from conformance.rules.fld.naming import names_any, unnamed
from conformance.rules.fld.spec import CREATE, DROPPED

READ_STRICTLY = ("frequency_penalty", "input", "messages", "presence_penalty", "stream", "temperature", "top_p")
"""Fields that change any answer, that no witness shows, and that the servers which read them refuse in a wrong type."""


def _mistyped(x: Exchange) -> Skip | None:
    return both(asks("wrong-type"), in_a_mode_that_is_offered, decided, readable)(x)


def _effective(x: Exchange) -> Skip | None:
    return _mistyped(x) or (None if x.question.about in READ_STRICTLY else ANOTHER_QUESTION)


def _other(x: Exchange) -> Skip | None:
    return _mistyped(x) or (ANOTHER_QUESTION if x.question.about in READ_STRICTLY else None)


def _ignored(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """A value of a wrong type went through as if it were not there."""
    name, said = x.question.about, refusal(x)
    if reply(x).status in BODILESS:
        yield untestable(f"the target answered {reply(x).status}, which has no body")
    elif not said:
        if not announced(x, name):
            seen = f"`{name}` was of a wrong type and the target answered {reply(x).status} as if it were not there"
            yield Finding(seen, at=reply(x).head, expected=f"a refusal that names `{name}`")
    elif said.status >= 500 and said.status != 501:
        yield not_applicable(f"the target failed with {said.status}")
    elif not names_any(said, name) and names(said, RIDER):
        yield untestable(f"the target refused `{RIDER}`, which rode along")
    elif not names_any(said, name) and (named := companions(x, hello, said)):
        yield not_applicable(f"the target refused `{named[0]}`, without which `{name}` says nothing")
    elif not names_any(said, name) and (skip := greeted(hello)):
        yield skip


@rule(
    "FLD003",
    MUST,
    "A field that changes the answer is refused where its type is wrong",
    spec=CREATE,
    fix="Declare the field in the request model with its type, and refuse what does not fit with 400.",
    when=_effective,
    good=[(answered(NAMED, status=400, **MISTYPED), GREETING), (answered(UNNAMED, status=422, **MISTYPED), GREETING)],
    bad=[(answered(completion(), **MISTYPED), GREETING), (streamed(*HELLO, **MISTYPED), streamed(*HELLO))],
)
def dropped_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """An answer to `temperature: {}` shows that nobody reads the field: what clients set there is dropped in silence."""
    yield from _ignored(x, hello)


@rule(
    "FLD004",
    SHOULD,
    "Every documented field is refused where its type is wrong",
    spec=CREATE,
    fix="Declare the field in the request model with its type, even where it has little effect.",
    when=_other,
    good=[(answered(error("user: not a string", param="user"), status=400, **USER), GREETING)],
    bad=[(answered(completion(), **USER), GREETING)],
)
def ignored_type(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Nobody reads the field, or its reader lets everything pass: what a client sets there may be lost without a trace."""
    yield from _ignored(x, hello)


@rule(
    "FLD005",
    SHOULD,
    "The refusal of a wrong type names the field",
    spec=DROPPED,
    fix="Put the field's path into `error.param` and its name into the message.",
    when=_mistyped,
    good=[(answered(NAMED, status=400, **MISTYPED), GREETING), (answered(completion(), **MISTYPED), GREETING)],
    bad=[(answered(UNNAMED, status=400, **MISTYPED), GREETING)],
)
def refusal_without_the_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Who sent thirty fields has to guess which one was wrong."""
    yield from unnamed(x, hello)
