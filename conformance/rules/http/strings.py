"""Lone surrogates and duplicate keys in a response's JSON."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import SHOULD, Finding, NotJudged
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import lone_surrogate, parse_json, repeated_name
from conformance.parsing.sse import looks_like_events, span, stream
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, answered, streamed
from conformance.rules.http.content import has_whole_body
from conformance.rules.http.example import GOOD
from conformance.rules.http.spec import RFC8259

FIRST = 100
"""Number of events checked: a server that writes JSON by hand does so from the first event."""


@rule(
    "HTTP022",
    SHOULD,
    "No string in a non-streaming response contains a lone surrogate",
    spec=RFC8259 + "8.2",
    fix="Escape complete characters only: one above U+FFFF needs a pair of escapes, such as \\ud83d\\ude42.",
    applies_to=has_whole_body,
    needs=("bytes",),
    apis=APIS,
    good=[GOOD, answered('{"text": "\\ud83d\\ude00"}')],
    bad=[answered('{"text": "\\ud83d"}')],
)
def half_a_character(x: Exchange) -> Iterator[Finding]:
    """Some parsers reject the response, others show a replacement character, or fail when storing the text as UTF-8."""
    content = reply(x).content
    if half := lone_surrogate(content, parse_json(content)):
        yield Finding(
            f"a string in the response body contains the lone surrogate {half}",
            at=reply(x).locate(0, min(200, len(content))),
        )


def written_in_json(x: Exchange) -> NotJudged | None:
    """A response was received, as events or as one JSON value."""
    return is_streamed(x) if x.mode == "stream" else has_whole_body(x)


@rule(
    "HTTP023",
    SHOULD,
    "No JSON object in a response has a duplicate key",
    spec=RFC8259 + "4",
    fix="Serialise objects with a JSON library, and overwrite a changed field instead of adding it again.",
    applies_to=written_in_json,
    needs=("bytes",),
    apis=APIS,
    good=[GOOD, streamed(*HELLO)],
    bad=[
        answered('{"object": "list", "object": "chat.completion"}'),
        streamed('{"choices": [], "id": "a", "id": "b"}', "[DONE]"),
    ],
)
def name_stands_twice(x: Exchange) -> Iterator[Finding]:
    """Parsers differ in which of the two values they use, so clients see different responses."""
    if looks_like_events(x):
        for event in stream(x).dispatched[:FIRST]:
            if name := repeated_name(event.data):
                yield Finding(f"a JSON object in an event has the duplicate key {name[:60]!r}", at=span(x, event))
    elif name := repeated_name(reply(x).content):
        at = reply(x).locate(0, min(200, len(reply(x).content)))
        yield Finding(f"a JSON object in the response body has the duplicate key {name[:60]!r}", at=at)
