"""Whether every character of the content is preserved."""

import json
from collections.abc import Iterator
from typing import Any

from conformance.field_support.effects import unreadable_reason
from conformance.field_support.readers import json_value, only_answer
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.single_value import LOST, is_damaged
from conformance.rules.conditions import all_of, probe_is, readable, succeeded
from conformance.rules.example import answered, chunk, completion, streamed

CRAB = "\N{CRAB}"
LAMPS = f"seven green lamps {CRAB}"
SCHEMA = {"type": "object", "properties": {"lamps": {"type": "string", "enum": [LAMPS]}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "lamps", "schema": SCHEMA}}
SEEN: dict[str, Any] = {"probe": "chat.witness.response_format", "body": {"response_format": FORMAT}}


def lamps(text: str) -> str:
    """The content, as JSON text."""
    return json.dumps({"lamps": text}, ensure_ascii=False)


def in_two(text: str) -> Exchange:
    """A stream of two deltas, split before the last three characters."""
    whole = lamps(text)
    return streamed(
        chunk({"content": whole[:-3]}), chunk({"content": whole[-3:]}), chunk(finish="stop"), "[DONE]", **SEEN
    )


def damage(x: Exchange) -> tuple[str, str]:
    """The first text with lost characters: as received, and as required by the schema; two empty texts if there is none."""
    expected, found = only_answer(x), json_value(x)
    pairs = ((found.get(name), text) for name, text in expected.items()) if isinstance(found, dict) else ()
    return next(((a, b) for a, b in pairs if isinstance(a, str) and isinstance(b, str) and is_damaged(a, b)), ("", ""))


def constrained(x: Exchange) -> NotJudged | None:
    """The schema allows exactly one value, and the content is that value, except for lost characters."""
    if skip := all_of(probe_is(Kind.EFFECT), succeeded, readable)(x):
        return skip
    if not only_answer(x):
        return OUT_OF_SCOPE
    if why := unreadable_reason(x):
        return untestable(why)
    is_it = json_value(x) == only_answer(x) or any(damage(x))
    return None if is_it else untestable("the content is not the only value that the schema allows")


@rule(
    "CMP016",
    MUST,
    "No character of the content is lost or replaced",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-8.1",
    fix="Decode and encode UTF-8 incrementally: hold back the bytes of an incomplete character until the rest is generated.",
    applies_to=constrained,
    good=[answered(completion({"content": lamps(LAMPS)}), **SEEN), in_two(LAMPS)],
    bad=[
        answered(completion({"content": lamps(f"seven green lamps {LOST * 4}")}), **SEEN),
        in_two(f"seven green lamps {LOST * 2}"),
        in_two("seven green lamps "),
        in_two(f"seven green lamps {CRAB.encode().decode('latin-1')}"),
    ],
    needs=("bytes",),
    apis=("chat",),
)
def characters_lost(x: Exchange) -> Iterator[Finding]:
    """Users of languages other than English read replacement characters, and tools are called with names that do not exist."""
    found, expected = damage(x)
    if expected:
        at = max(0, reply(x).content.find(LOST.encode()))
        seen = f"the content has {found!a}, but the schema allows only {expected!a}"
        yield Finding(seen, at=reply(x).locate(at, min(len(reply(x).content), at + 60)))
