"""The body of a non-streaming response: one JSON value."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_response
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import MORE_FOLLOWS, fault_of
from conformance.parsing.sse import is_labelled, looks_like_events
from conformance.rules.conditions import (
    all_of,
    answered_whole,
    looks_for_nothing,
    probe_is,
    readable,
    succeeded,
    validly_requested,
    whole,
)
from conformance.rules.example import JSON, SSE, answered, completion, exchange, http
from conformance.rules.http.example import EVENTS, GOOD
from conformance.rules.http.framing import beyond
from conformance.rules.http.spec import COMPLETIONS, RFC8259

MARKUP = re.compile(rb"\s*(?:<!doctype|<html|<head|<body|<\?xml)", re.IGNORECASE)


def _is_stream(x: Exchange) -> bool:
    """Whether the body is an event stream, or is labelled as one and does not even begin with a JSON value."""
    fault = fault_of(reply(x).content) if is_labelled(reply(x)) else ""
    return looks_like_events(x) or (bool(fault) and MORE_FOLLOWS not in fault)


def has_whole_body(x: Exchange) -> NotJudged | None:
    """The request is non-streaming, and the response body is complete."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if looks_for_nothing(x):
        return not_applicable("the request is for a response that is not stored")
    if _is_stream(x):
        return untestable("an event stream was received instead of a non-streaming response")
    if beyond(x):
        return untestable("bytes follow the end of the response")
    return None if reply(x).content else not_applicable("the response body is empty")


@rule(
    "HTTP008",
    MUST,
    "The body of a non-streaming response is one JSON value in UTF-8",
    spec=RFC8259 + "2",
    fix="Serialise the response once with a JSON library, in UTF-8 without BOM, and check that no proxy replaces it.",
    applies_to=has_whole_body,
    needs=("bytes",),
    apis=APIS,
    good=[GOOD, answered(' {"text": "\\ud83d\\ude00 \u00e9 \\ud800"}\r\n')],
    bad=[
        answered(" "),
        answered("<!DOCTYPE html><html></html>", headers=[("content-type", "text/html")]),
        answered(b"\xef\xbb\xbf{}"),
        answered('{"logprob": NaN}'),
        answered('{"a": 1}{"b": 2}'),
        answered('{"a": 1}\n\ndata: [DONE]\n\n', headers=[SSE]),
        answered('{"a": "b'),
        answered('{"a": "\u00e9"}'.encode("latin-1")),
    ],
)
def response_is_not_json(x: Exchange) -> Iterator[Finding]:
    """Every client raises a decoding error, and most do not retry."""
    content = reply(x).content
    if fault := fault_of(content):
        if MARKUP.match(content[:1024]):
            fault = "it is an HTML or XML page"
        elif content.startswith(b"\xef\xbb\xbf"):
            fault = "it begins with a byte order mark"
        yield Finding(f"the response body is not JSON: {fault}", at=reply(x).locate(0, min(len(content), 200)))


def answered_once(x: Exchange) -> NotJudged | None:
    """The request is valid and non-streaming, and the response is a readable success."""
    if x.mode != "unary":
        return not_applicable("the request is streaming")
    return validly_requested(x) or succeeded(x) or readable(x)


@rule(
    "HTTP012",
    MUST,
    "The response to a non-streaming request is not an event stream",
    spec=COMPLETIONS + "#chat-create-stream",
    fix="Stream only if the request body has `stream: true`; if `stream` is missing or false, send one JSON response.",
    applies_to=answered_once,
    needs=("request",),
    apis=APIS,
    good=[GOOD, answered(completion(), headers=[SSE])],
    bad=[exchange(http(200, [label], EVENTS), mode="unary") for label in (SSE, JSON)],
)
def unrequested_stream(x: Exchange) -> Iterator[Finding]:
    """Clients parse the body as one JSON value, and fail at the first character."""
    answer = reply(x)
    if _is_stream(x):
        yield Finding(
            "the response is an event stream, but the request does not set stream: true",
            at=answer.locate(0, min(200, len(answer.raw))),
        )


AS_TEXT: dict[str, Any] = {"probe": "chat.mistake.stream-as-text", "mode": "stream", "body": {"stream": "true"}}


@rule(
    "HTTP024",
    SHOULD,
    'A request with the string "true" for stream gets an event stream, or an error',
    spec=COMPLETIONS + "#chat-create-stream",
    fix="Reject a `stream` that is not a boolean with 400, or read the string as a boolean and stream.",
    applies_to=all_of(probe_is(Kind.MISTAKE, subjects=("stream-as-text",)), succeeded, readable),
    apis=("chat",),
    modes=("stream",),
    good=[exchange(http(200, [SSE], EVENTS), **AS_TEXT)],
    bad=[answered(completion(), **AS_TEXT)],
)
def string_read_as_false(x: Exchange) -> Iterator[Finding]:
    """A client that builds its JSON by hand wants a stream: with status 200 and no event it finds the response empty."""
    if not looks_like_events(x) and not error_response(x):
        label = reply(x).media_type or "a body without Content-Type"
        yield Finding(f'`stream: "true"` was silently ignored: the response is {label[:80]}', at=reply(x).head)
