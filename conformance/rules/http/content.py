"""The content: one JSON value where one was asked for."""

import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import fault_of
from conformance.parsing.sse import is_labelled, looks_like_events
from conformance.rules.conditions import answered_whole, readable, succeeded, whole
from conformance.rules.example import JSON, SSE, answered, completion, exchange, http
from conformance.rules.http.example import EVENTS, GOOD
from conformance.rules.http.framing import beyond
from conformance.rules.http.spec import COMPLETIONS, RFC8259

MARKUP = re.compile(rb"\s*(?:<!doctype|<html|<head|<body|<\?xml)", re.IGNORECASE)


def has_whole_body(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and its body came to its end."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if is_labelled(reply(x)) and fault_of(reply(x).content):
        return untestable("an event stream came in place of one answer")
    if beyond(x):
        return untestable("octets follow the end that the framing gives the body")
    return None if reply(x).content else not_applicable("the reply has no body")


@rule(
    "HTTP008",
    MUST,
    "A whole answer is one JSON value in UTF-8",
    spec=RFC8259 + "2",
    fix="Serialise the answer once with a JSON library, in UTF-8 without BOM, and check what a proxy puts in its place.",
    when=has_whole_body,
    good=[GOOD, answered(' {"text": "\\ud83d\\ude00 \u00e9 \\ud800"}\r\n')],
    bad=[
        answered(" "),
        answered("<!DOCTYPE html><html></html>", headers=[("content-type", "text/html")]),
        answered(b"\xef\xbb\xbf{}"),
        answered('{"logprob": NaN}'),
        answered('{"a": 1}{"b": 2}'),
        answered('{"a": "b'),
        answered('{"a": "\u00e9"}'.encode("latin-1")),
    ],
)
def answer_is_no_json(x: Exchange) -> Iterator[Finding]:
    """Every client raises a decoding error on it, and most do not try again."""
    content = reply(x).content
    if fault := fault_of(content):
        if MARKUP.match(content[:1024]):
            fault = "it is a page of HTML or XML"
        elif content.startswith(b"\xef\xbb\xbf"):
            fault = "it begins with a byte order mark"
        yield Finding(f"the body is no JSON: {fault}", at=reply(x).locate(0, min(len(content), 200)))


def answered_once(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and a success came back that can be read."""
    return not_applicable("a stream was asked for") if x.mode != "unary" else succeeded(x) or readable(x)


@rule(
    "HTTP012",
    MUST,
    "No stream comes where none was asked for",
    spec=COMPLETIONS + "#chat-create-stream",
    fix="Stream only where the body says `stream: true`; a missing or false `stream` wants one JSON answer.",
    when=answered_once,
    good=[GOOD, answered(completion(), headers=[SSE])],
    bad=[exchange(http(200, [label], EVENTS), mode="unary") for label in (SSE, JSON)],
)
def unasked_stream(x: Exchange) -> Iterator[Finding]:
    """Clients parse the events as one JSON value and fail at the first character."""
    answer = reply(x)
    if looks_like_events(x) or (is_labelled(answer) and fault_of(answer.content)):
        yield Finding("an event stream came, though none was asked for", at=answer.locate(0, min(200, len(answer.raw))))
