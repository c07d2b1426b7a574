"""What the refusal says, to programs and to people: code, param and message."""

import re
from collections.abc import Iterator

from conformance.apis.errors import Refusal, quoted
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, not_applicable
from conformance.rules.example import (
    error,
)
from conformance.rules.nyi.example import GOOD, GOOD_MESSAGES, WORDS, no
from conformance.rules.nyi.spec import CODE, ENVELOPE, STATUS_501
from conformance.rules.nyi.statement import declined, enveloped, statement

SWITCH = r"stream(?:ing)?\b[`'\"]*\s*(?:(?:parameter|field|option|flag|property|argument)\s*)?"
HINT = re.compile(
    rf"{SWITCH}(?:=|:|to|as|is|be|(?:must|should|has to|needs to) be|set to|equal to)?\s*[`'\"]*(?:false|0)\b"
    rf"|{SWITCH}(?:=|:|to)\s*[`'\"]*off\b"
    r"|\bwith\s+[`'\"]*stream\w*[`'\"]*\s+(?:set to |turned |switched )?(?:disabled|off)\b"
    r"|\b(?:turn|switch)(?:ing)?\s+[`'\"]*stream\w*[`'\"]*\s+off\b"
    r"|\bnon-?\s?stream|\bwithout\s+(?:the\s+|any\s+)?[`'\"]*stream|\b(?:with|use|choose|request)\s+no\s+[`'\"]*stream"
    r"|\b(?:omit|remove|disable|unset|drop|leave out|leave off|leaving out|(?:turn|switch)(?:ing)? off)\b[^.;!?]*\bstream"
    r"|(?:^|[.;:!,]\s*|\bplease\s+)(?:do not|don't)\s+(?:\w+\s+){0,2}[`'\"]*stream",
    re.IGNORECASE,
)
"""Words that tell to do without the stream."""
MOST = 2000
"""Characters of an error that are searched for such words."""


@rule(
    "NYI010",
    MUST,
    "The refusal of streaming carries a code",
    spec=ENVELOPE,
    fix=f"Set `error.code` to `{CODE}`.",
    when=declined,
    apis=("chat", "responses"),
    good=[GOOD],
    bad=[no(error(WORDS, param="stream")), no(error(WORDS) | {"error": {"message": WORDS}})],
)
@statement
@enveloped
def refusal_without_a_code(said: Refusal) -> Iterator[Finding]:
    """A program that has to choose what to do next can't read sentences."""
    if said.error.get("code") in (None, ""):
        yield Finding("the refusal of streaming has no `error.code`", at=said.at, expected=CODE)


@rule(
    "NYI011",
    MUST,
    f"The refusal of streaming carries the code {CODE}",
    spec=ENVELOPE,
    fix=f"Set `error.code` to `{CODE}`.",
    when=declined,
    apis=("chat", "responses"),
    good=[GOOD],
    bad=[no(error(WORDS, code="not_implemented")), no({"error": {"message": WORDS, "code": 501}})],
)
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
    "NYI012",
    MUST,
    'The refusal of streaming says "not supported" and "stream"',
    spec=STATUS_501,
    fix='Write the words out: "Streaming is not supported".',
    when=declined,
    good=[GOOD, GOOD_MESSAGES],
    bad=[no(error("Unavailable. Set stream=false.", code=CODE)), no(error("", code=CODE))],
)
@statement
@enveloped
def refusal_without_the_words(said: Refusal) -> Iterator[Finding]:
    """It is by these words in the message that hermes knows to ask again without streaming."""
    text = said.message.lower()
    if missing := [word for word in ("not supported", "stream") if word not in text]:
        words = " and ".join(f'"{word}"' for word in missing)
        yield Finding(f"the message {quoted(said.message)} lacks {words}", at=said.at)


@rule(
    "NYI013",
    MUST,
    "The refusal of streaming says what to do instead",
    spec=STATUS_501,
    fix='End the message with the way out: "Set stream=false".',
    when=declined,
    good=[GOOD, GOOD_MESSAGES, no(error("Streaming is not supported. Use a non-streaming request.", code=CODE))],
    bad=[no(error("Streaming is not supported.", code=CODE))],
)
@statement
@enveloped
def refusal_without_a_hint(said: Refusal) -> Iterator[Finding]:
    """Who reads it in a log has to know that one switch makes it work."""
    told = (
        text for name, text in said.error.items() if name not in ("type", "code", "param") and isinstance(text, str)
    )
    if not any(HINT.search(text[:MOST]) for text in told):
        yield Finding(
            f"the message {quoted(said.message)} does not say what to do", at=said.at, expected="stream=false"
        )


@rule(
    "NYI019",
    SHOULD,
    "The refusal of streaming names `stream` as its param",
    spec=ENVELOPE,
    fix="Set `error.param` to `stream`.",
    when=declined,
    apis=("chat", "responses"),
    good=[GOOD],
    bad=[no(error(WORDS, code=CODE)), no(error(WORDS, param="body", code=CODE))],
)
@statement
@enveloped
def refusal_without_the_param(said: Refusal) -> Iterator[Finding]:
    """A program sees which field to change, in whatever language the message is."""
    if said.error.get("param") != "stream":
        yield Finding("the refusal of streaming does not name `stream` as `error.param`", at=said.at)
