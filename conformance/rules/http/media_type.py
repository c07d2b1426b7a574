"""Headers that describe the body: Content-Type, charset, Cache-Control."""

import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
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


def holds_json(x: Exchange) -> NotJudged | None:
    """The request is non-streaming, and the response is JSON with a valid head."""
    if skip := answered_whole(x):
        return skip
    if reply(x).faults:
        return untestable("the response is malformed")
    return untestable("the body is not JSON") if fault_of(reply(x).content) else None


@rule(
    "HTTP006",
    MUST,
    "Non-streaming responses use Content-Type: application/json",
    spec=RFC9110 + "8.3",
    fix="Set Content-Type: application/json on JSON responses.",
    applies_to=holds_json,
    needs=("headers",),
    apis=APIS,
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
def json_with_wrong_content_type(x: Exchange) -> Iterator[Finding]:
    """openai-node returns the body as a string instead of an object, and the content is lost."""
    if not is_json(reply(x)):
        label = reply(x).media_type
        yield Finding(
            f"Content-Type is {label[:80] or 'missing'}; a JSON response needs application/json",
            at=reply(x).span("content-type"),
        )


def is_json(answer: Reply) -> bool:
    """Whether the response's Content-Type is JSON."""
    kind, _, subtype = answer.media_type.partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def labelled_json(x: Exchange) -> NotJudged | None:
    """A response with a JSON Content-Type was received."""
    return replied(x) or (None if is_json(reply(x)) else not_applicable("Content-Type is not JSON"))


@rule(
    "HTTP007",
    SHOULD,
    "The charset of a JSON Content-Type is absent or UTF-8",
    spec=RFC8259 + "11",
    fix="Drop the charset parameter of application/json, or set it to utf-8.",
    applies_to=labelled_json,
    needs=("headers",),
    apis=APIS,
    good=[GOOD, answered("{}", headers=[("content-type", 'application/json; charset="UTF-8"')])],
    bad=[answered("{}", headers=[("content-type", "application/json; charset=iso-8859-1")])],
)
def json_in_a_charset(x: Exchange) -> Iterator[Finding]:
    """JSON is always UTF-8; a client that uses the declared charset garbles every non-ASCII character."""
    if reply(x).charset not in UTF8:
        yield Finding(
            f"Content-Type has charset={reply(x).charset[:40]}; JSON is always UTF-8", at=reply(x).span("content-type")
        )


@rule(
    "HTTP017",
    SHOULD,
    "A response has at most one Content-Type header",
    spec=RFC9110 + "5.3",
    fix="Set Content-Type in one layer, and make proxies replace it instead of adding a second one.",
    applies_to=has_body,
    needs=("headers",),
    apis=APIS,
    good=[GOOD],
    bad=[answered("{}", headers=[("content-type", "text/html"), JSON])],
)
def repeated_content_type(x: Exchange) -> Iterator[Finding]:
    """Clients pick different values, or join them into an unknown media type."""
    values = reply(x).values("content-type")
    if len(values) > 1:
        yield Finding(
            f"the response has {len(values)} Content-Type headers: {', '.join(values)[:80]}",
            at=reply(x).span("content-type"),
        )


@rule(
    "HTTP016",
    SHOULD,
    "Cache-Control does not let shared caches store successful responses",
    spec="https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2",
    fix="Send Cache-Control: no-store (or no-cache for streams), or omit Cache-Control.",
    applies_to=posted,
    needs=("headers",),
    apis=APIS,
    good=[GOOD, answered(completion(), headers=[JSON, ("cache-control", "private, max-age=0")])],
    bad=[answered(completion(), headers=[JSON, ("cache-control", "public, max-age=3600")])],
)
def cacheable_response(x: Exchange) -> Iterator[Finding]:
    """A shared cache may serve one user's response to another, or buffer a stream until it is complete."""
    value = ", ".join(reply(x).values("cache-control"))
    if FRESH.search(value) and not UNSHARED.search(value):
        yield Finding(
            f"Cache-Control is {value[:80]}, which lets shared caches store the response",
            at=reply(x).span("cache-control"),
        )
