"""The content of the error for unsupported streaming: code, param and message."""

import re
from collections.abc import Iterator

from conformance.apis.errors import ErrorResponse, quoted
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.json_values import display
from conformance.rules.example import error
from conformance.rules.nyi.example import GOOD, GOOD_MESSAGES, WORDS, rejection
from conformance.rules.nyi.spec import CODE, ENVELOPE, STATUS_501
from conformance.rules.nyi.statement import about_streaming, streaming_rejected, with_error_object, with_message

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
"""Phrases that advise a non-streaming request."""
MOST = 2000
"""Characters of an error that are searched for such phrases."""


@rule(
    "NYI010",
    MUST,
    "The error for unsupported streaming has a non-empty error.code",
    spec=ENVELOPE,
    fix=f"Set `error.code` to `{CODE}`.",
    applies_to=streaming_rejected,
    apis=(*WITH_CHOICES, "responses"),
    good=[GOOD],
    bad=[rejection(error(WORDS, param="stream")), rejection(error(WORDS) | {"error": {"message": WORDS}})],
)
@about_streaming
@with_error_object
def refusal_without_a_code(error: ErrorResponse) -> Iterator[Finding]:
    """A program chooses what to do next by the code; it can't parse sentences."""
    if error.error.get("code") in (None, ""):
        yield Finding("the error for unsupported streaming has no error.code", at=error.at, expected=CODE)


@rule(
    "NYI011",
    MUST,
    f"The error for unsupported streaming has the code {CODE}",
    spec=ENVELOPE,
    fix=f"Set `error.code` to `{CODE}`.",
    applies_to=streaming_rejected,
    apis=(*WITH_CHOICES, "responses"),
    good=[GOOD],
    bad=[rejection(error(WORDS, code="not_implemented")), rejection({"error": {"message": WORDS, "code": 501}})],
)
@about_streaming
@with_error_object
def refusal_with_another_code(error: ErrorResponse) -> Iterator[Finding | NotJudged]:
    """Programs compare the code; another one means another failure."""
    code = error.error.get("code")
    if code in (None, ""):
        yield not_applicable("the error has no code")
    elif code != CODE:
        seen = quoted(code) if isinstance(code, str) else display(code)
        yield Finding(f"error.code of the error for unsupported streaming is {seen}", at=error.at, expected=CODE)


@rule(
    "NYI012",
    MUST,
    'The message for unsupported streaming contains "not supported" and "stream"',
    spec=STATUS_501,
    fix='Begin the message with "Streaming is not supported".',
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES],
    bad=[
        rejection(error("Unavailable. Set stream=false.", code=CODE)),
        rejection(error("", code=CODE)),
        rejection([error("Unavailable.", code=CODE)]),
        rejection({"detail": "Unavailable."}),
    ],
)
@about_streaming
@with_message
def refusal_without_the_words(error: ErrorResponse) -> Iterator[Finding]:
    """The message needs these words for hermes to retry without streaming."""
    text = error.message.lower()
    if missing := [word for word in ("not supported", "stream") if word not in text]:
        words = " and ".join(f'"{word}"' for word in missing)
        yield Finding(f"the message {quoted(error.message)} does not contain {words}", at=error.at)


@rule(
    "NYI013",
    MUST,
    "The message for unsupported streaming advises a non-streaming request",
    spec=STATUS_501,
    fix='End the message with "Set stream=false".',
    applies_to=streaming_rejected,
    apis=GENERATIVE,
    good=[GOOD, GOOD_MESSAGES, rejection(error("Streaming is not supported. Use a non-streaming request.", code=CODE))],
    bad=[
        rejection(error("Streaming is not supported.", code=CODE)),
        rejection({"error": "Streaming is not supported."}),
    ],
)
@about_streaming
@with_message
def refusal_without_a_hint(error: ErrorResponse) -> Iterator[Finding]:
    """An engineer who reads the message in a log learns that one field makes the request work."""
    aside = (text for name, text in error.error.items() if name not in ("type", "code", "param", "message"))
    texts = (error.message, *(text for text in aside if isinstance(text, str)))
    if not any(HINT.search(text[:MOST]) for text in texts):
        yield Finding(
            f"the message {quoted(error.message)} does not advise a non-streaming request",
            at=error.at,
            expected="stream=false",
        )


@rule(
    "NYI019",
    SHOULD,
    "The error for unsupported streaming has the param stream",
    spec=ENVELOPE,
    fix="Set `error.param` to `stream`.",
    applies_to=streaming_rejected,
    apis=(*WITH_CHOICES, "responses"),
    good=[GOOD],
    bad=[rejection(error(WORDS, code=CODE)), rejection(error(WORDS, param="body", code=CODE))],
)
@about_streaming
@with_error_object
def refusal_without_the_param(error: ErrorResponse) -> Iterator[Finding]:
    """A program can change the field that error.param names, whatever the message."""
    if error.error.get("param") != "stream":
        yield Finding("error.param of the error for unsupported streaming is not stream", at=error.at)
