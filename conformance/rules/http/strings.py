"""What the JSON of an answer says twice, or by half."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import SHOULD, Finding, Skip
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import lone_surrogate, repeated_name, value_of
from conformance.parsing.sse import looks_like_events, span, stream
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.example import HELLO, answered, streamed
from conformance.rules.http.content import has_whole_body
from conformance.rules.http.example import GOOD
from conformance.rules.http.spec import RFC8259

FIRST = 100
"""Events of a stream that are looked at: who writes objects by hand does so from the first one on."""


@rule(
    "HTTP022",
    SHOULD,
    "No string in a whole answer holds half a character",
    spec=RFC8259 + "8.2",
    fix="Join the text before it is escaped: a character beyond the first plane is two escapes, \\ud83d\\ude42.",
    when=has_whole_body,
    good=[GOOD, answered('{"text": "\\ud83d\\ude00"}')],
    bad=[answered('{"text": "\\ud83d"}')],
)
def half_a_character(x: Exchange) -> Iterator[Finding]:
    """Some parsers refuse the answer, others show a replacement character, or fail when the text is stored as UTF-8."""
    content = reply(x).content
    if half := lone_surrogate(content, value_of(content)):
        yield Finding(f"a string holds {half} without its other half", at=reply(x).locate(0, min(200, len(content))))


def written_in_json(x: Exchange) -> Skip | None:
    """An answer came, as events or as one JSON text."""
    return is_streamed(x) if x.mode == "stream" else has_whole_body(x)


@rule(
    "HTTP023",
    SHOULD,
    "An object in an answer has each name once",
    spec=RFC8259 + "4",
    fix="Serialise objects with a JSON library, and replace a field where it is changed instead of adding it again.",
    when=written_in_json,
    good=[GOOD, streamed(*HELLO)],
    bad=[
        answered('{"object": "list", "object": "chat.completion"}'),
        streamed('{"choices": [], "id": "a", "id": "b"}', "[DONE]"),
    ],
)
def name_stands_twice(x: Exchange) -> Iterator[Finding]:
    """Which of the two values counts differs from parser to parser, so clients see different answers."""
    if looks_like_events(x):
        for event in stream(x).dispatched[:FIRST]:
            if name := repeated_name(event.data):
                yield Finding(f"the name {name[:60]!r} stands twice in one object", at=span(x, event))
    elif name := repeated_name(reply(x).content):
        at = reply(x).locate(0, min(200, len(reply(x).content)))
        yield Finding(f"the name {name[:60]!r} stands twice in one object", at=at)
