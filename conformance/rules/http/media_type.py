"""What the head says of the answer: its media type, its charset, its fitness for caches."""

import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import Reply, reply
from conformance.parsing.json_text import fault_of
from conformance.rules.conditions import answered_whole, replied
from conformance.rules.example import JSON, answered, completion
from conformance.rules.http.conditions import has_body, posted
from conformance.rules.http.example import GOOD
from conformance.rules.http.spec import RFC8259, RFC9110

UTF8 = ("", "utf-8", "utf8")
FRESH = re.compile(r"\b(?:public|immutable|(?:s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)
UNSHARED = re.compile(r"\b(?:no-store|no-cache|private)\b", re.IGNORECASE)


def holds_json(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and JSON came, under a head that can be read."""
    if skip := answered_whole(x):
        return skip
    if reply(x).faults:
        return untestable("the reply is malformed")
    return untestable("the body is no JSON") if fault_of(reply(x).content) else None


@rule(
    "HTTP006",
    MUST,
    "A whole answer is labelled application/json",
    spec=RFC9110 + "8.3",
    fix="Set Content-Type: application/json on JSON answers.",
    when=holds_json,
    good=[
        GOOD,
        answered(completion(), headers=[("content-type", "Application/JSON; charset=utf-8")]),
        answered(completion(), headers=[("content-type", "application/vnd.api+json")]),
    ],
    bad=[
        answered(completion(), headers=[("content-type", "text/plain")]),
        answered(completion(), headers=[("content-type", "text/event-stream")]),
        answered(completion(), headers=[]),
    ],
)
def mislabelled_json(x: Exchange) -> Iterator[Finding]:
    """openai-node hands the body over as a string in place of an object, and the answer is lost."""
    if not is_json(reply(x)):
        label = reply(x).media_type
        yield Finding(f"the JSON answer is labelled {label[:80] or 'nothing'}", at=reply(x).span("content-type"))


def is_json(answer: Reply) -> bool:
    """Whether a reply says that it is JSON."""
    kind, _, subtype = answer.media_type.partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def labelled_json(x: Exchange) -> Skip | None:
    """A reply came that says that it is JSON."""
    return replied(x) or (None if is_json(reply(x)) else not_applicable("the reply is not labelled as JSON"))


@rule(
    "HTTP007",
    SHOULD,
    "JSON names no other charset than UTF-8",
    spec=RFC8259 + "11",
    fix="Drop the charset parameter of application/json, or set it to utf-8.",
    when=labelled_json,
    good=[GOOD, answered("{}", headers=[("content-type", 'application/json; charset="UTF-8"')])],
    bad=[answered("{}", headers=[("content-type", "application/json; charset=iso-8859-1")])],
)
def json_in_a_charset(x: Exchange) -> Iterator[Finding]:
    """JSON is UTF-8 by definition; a client that believes the label garbles every character beyond ASCII."""
    if reply(x).charset not in UTF8:
        yield Finding(f"JSON is labelled charset={reply(x).charset[:40]}", at=reply(x).span("content-type"))


@rule(
    "HTTP017",
    SHOULD,
    "Content-Type stands in the head once",
    spec=RFC9110 + "5.3",
    fix="Set Content-Type in one place; frameworks and proxies that add their own must replace the other.",
    when=has_body,
    good=[GOOD],
    bad=[answered("{}", headers=[("content-type", "text/html"), JSON])],
)
def repeated_content_type(x: Exchange) -> Iterator[Finding]:
    """Each client picks another one of them, or joins them into a type that nobody knows."""
    said = reply(x).values("content-type")
    if len(said) > 1:
        yield Finding(
            f"Content-Type stands there {len(said)} times: {', '.join(said)[:80]}", at=reply(x).span("content-type")
        )


@rule(
    "HTTP016",
    SHOULD,
    "An answer is not declared fit for caches",
    spec="https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2",
    fix="Send Cache-Control: no-store (or no-cache for streams), or no such header at all.",
    when=posted,
    good=[GOOD, answered(completion(), headers=[JSON, ("cache-control", "private, max-age=0")])],
    bad=[answered(completion(), headers=[JSON, ("cache-control", "public, max-age=3600")])],
)
def cacheable_answer(x: Exchange) -> Iterator[Finding]:
    """A cache on the way may keep one user's answer, or hold a stream back until it is complete."""
    said = ", ".join(reply(x).values("cache-control"))
    if FRESH.search(said) and not UNSHARED.search(said):
        yield Finding(f"Cache-Control says {said[:80]}", at=reply(x).span("cache-control"))
