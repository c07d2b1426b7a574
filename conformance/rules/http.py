"""HTTP: the message around the answer, as HTTP/1.1 and its media types want it.

The file is long because a family is one file, and a rule with its examples is some twenty lines.
"""

import gzip
import re
from collections.abc import Iterator

from conformance.exchange import Ending, Exchange, Span
from conformance.read.http1 import Part, Reply, reply, requested
from conformance.read.json_text import fault_of
from conformance.read.sse import is_labelled, looks_like_events
from conformance.rule import rule
from conformance.rules.example import CLOSED, HELLO, JSON, SSE, answered, completion, exchange, http, sse, streamed
from conformance.rules.when import answered_whole, both, readable, replied, succeeded, whole
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

RFC9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-"
RFC9112 = "https://www.rfc-editor.org/rfc/rfc9112#section-"
RFC8259 = "https://www.rfc-editor.org/rfc/rfc8259#section-"
COMPLETIONS = "https://platform.openai.com/docs/api-reference/chat/create"

MAX_HEAD = 16 * 1024
"""Octets of a head that every client takes: Node.js refuses more."""

CODINGS = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "identity")
PACKED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x78\x01": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
}

UTF8 = ("", "utf-8", "utf8")
MARKUP = re.compile(rb"\s*(?:<!doctype|<html|<head|<body|<\?xml)", re.IGNORECASE)
FRESH = re.compile(r"\b(?:public|immutable|(?:s-maxage|max-age)\s*=\s*\"?0*[1-9])", re.IGNORECASE)
UNSHARED = re.compile(r"\b(?:no-store|no-cache|private)\b", re.IGNORECASE)

HOW = {
    "closed": "the target closed the connection",
    "reset": "the connection was reset",
    "timeout": "the harness gave up waiting",
    "limit": "the harness stopped reading",
    "idle": "the harness closed the connection",
}
WHILE = {
    "connect": "while connecting",
    "send": "while the request was being sent",
    "first-byte": "before the first octet of a reply",
    "body": "before the reply was over",
    "after": "after the reply",
}

GOOD = answered(completion())
EVENTS = sse(*HELLO)
CHUNKED = (SSE, ("transfer-encoding", "chunked"))
RESET = Ending("reset", "body", 0)
CUT = Ending("closed", "body", 0)


def chunks(*parts: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """The parts in chunked coding."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + last


def framed(body: bytes, ending: Ending = CLOSED) -> Exchange:
    """A chunked stream of these octets, framing included."""
    return exchange(http(200, CHUNKED, body, length=False), ending=ending)


def coded(coding: str | None, body: bytes, accepted: str = "gzip, deflate") -> Exchange:
    """A reply in a content coding, to a request that accepts these."""
    headers = (JSON, *((("content-encoding", coding),) if coding else ()))
    return exchange(http(200, headers, body), mode="unary", asking=(("Accept-Encoding", accepted),))


def tried(x: Exchange) -> Skip | None:
    """The target was reached, and the user let the exchange end."""
    if x.ending.how in ("unreachable", "interrupted"):
        return untestable(f"the exchange ended too early ({x.ending.how}{x.ending.detail and ': ' + x.ending.detail})")
    return None


def heard(x: Exchange) -> Skip | None:
    """Something came back, and the harness read it to its end."""
    if skip := tried(x):
        return skip
    if x.ending.how == "limit":
        return untestable(f"the harness stopped reading at a bound: {x.ending.detail}")
    return None if x.heard else untestable("nothing came back")


def told(x: Exchange) -> str:
    """How the exchange ended, as a clause."""
    detail = f" ({x.ending.detail})" if x.ending.detail else ""
    return f"{HOW.get(x.ending.how, x.ending.how)} {WHILE[x.ending.phase]}{detail}"


@rule(
    "HTTP001",
    MUST,
    "Every request is answered",
    spec=RFC9110 + "3.4",
    fix="Find what drops the connection or never answers (a crash, a worker time-out, a proxy), and answer every request.",
    when=tried,
    good=[GOOD, answered("", status=500)],
    bad=[
        exchange(b"", ending=Ending("closed", "first-byte", 0)),
        exchange(b"", ending=Ending("timeout", "first-byte", 0)),
        exchange(b"HTTP/1.1 103 Early Hints\r\n\r\n", ending=RESET),
    ],
)
def unanswered_request(x: Exchange) -> Iterator[Finding]:
    """Without a reply every client tries again, and may be billed for each attempt."""
    answer = reply(x)
    if not answer.status and not answer.faults:
        yield Finding(f"no reply came: {told(x)}")


@rule(
    "HTTP002",
    MUST,
    "The reply's head is well-formed HTTP/1.1",
    spec=RFC9112 + "2.1",
    fix="Let an HTTP library write the status line and headers; check what a proxy in front adds.",
    when=heard,
    good=[GOOD, exchange(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + GOOD.heard, mode="unary")],
    bad=[
        exchange(b'{"choices": []}'),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type : application/json\r\ncontent-length: 2\r\n\r\n{}"),
        exchange(b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-type: app", ending=CUT),
    ],
)
def malformed_head(x: Exchange) -> Iterator[Finding]:
    """Clients refuse such a reply with a protocol error, or read headers that others don't see."""
    yield from _faults(x, "head")
    if x.ending.how == "idle" and x.ending.phase != "after" and not reply(x).faults:
        yield Finding(f"an HTTP/1.1 client can't read the reply: {x.ending.detail}", at=reply(x).head)


@rule(
    "HTTP003",
    MUST,
    "The reply's body is framed as HTTP/1.1 wants it",
    spec=RFC9112 + "6.3",
    fix="Send either a right Content-Length or chunks whose sizes are right, and let the server library do it.",
    when=both(heard, replied),
    good=[framed(chunks(EVENTS)), framed(chunks(EVENTS, last=b"0\r\nx-a: b\r\n\r\n")), GOOD],
    bad=[
        framed(b"zz\r\nhello\r\n0\r\n\r\n"),
        framed(b"3\r\nhello\r\n0\r\n\r\n"),
        framed(EVENTS),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello"),
        exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
    ],
)
def malformed_framing(x: Exchange) -> Iterator[Finding]:
    """Clients stop at the first octet that they can't place: the rest of the answer is lost."""
    yield from _faults(x, "framing")


def _faults(x: Exchange, part: Part) -> Iterator[Finding]:
    return (Finding(fault.what, at=fault.span) for fault in reply(x).faults if fault.part == part)


def bounded(x: Exchange) -> Skip | None:
    """A head came, the framing can be followed, and it was not the harness that ended the exchange."""
    if skip := heard(x) or replied(x):
        return skip
    if reply(x).faults or (x.ending.how == "idle" and not reply(x).complete):
        return untestable("the reply can't be followed to its end: it is malformed")
    return not_applicable("the harness gave up waiting") if x.ending.how == "timeout" else None


@rule(
    "HTTP004",
    MUST,
    "The reply comes to the end that its framing announces",
    spec=RFC9112 + "8",
    fix="Let the server finish each reply: send the last chunk, and don't kill workers or idle connections under it.",
    when=bounded,
    good=[GOOD, framed(chunks(EVENTS)), exchange(http(200, (SSE,), EVENTS, length=False))],
    bad=[
        framed(chunks(EVENTS, last=b""), CUT),
        framed(chunks(EVENTS)[:40], RESET),
        exchange(http(200, (JSON,), b'{"a": 1}')[:-2], ending=CUT),
        exchange(http(200, (SSE,), EVENTS, length=False), ending=RESET),
    ],
)
def reply_cut_off(x: Exchange) -> Iterator[Finding]:
    """Clients raise an error in the midst of the answer, or take the part for the whole."""
    answer = reply(x)
    if not answer.complete:
        wanting = {"chunked": "the last chunk", "length": "all that Content-Length announces"}.get(answer.framing, "")
        yield Finding(told(x) + (f"; {wanting} never came" if wanting else ""), at=_tail(x))


def _tail(x: Exchange) -> Span:
    return Span(max(0, len(x.heard) - 40), len(x.heard))


def _beyond(x: Exchange) -> Span | None:
    """Octets after the reply's end, blank lines left aside."""
    at = reply(x).trailing
    return at if at and x.heard[at.start : at.end].strip(b"\r\n") else None


@rule(
    "HTTP005",
    MUST,
    "Nothing follows the end of the reply",
    spec=RFC9112 + "6.3",
    fix="Make Content-Length count the octets of the body (not characters), and write nothing after the last chunk.",
    when=both(heard, replied, whole),
    good=[GOOD, exchange(http(200, (JSON,), b"{}") + b"\r\n")],
    bad=[exchange(http(200, (JSON,), b"{}") + b"}"), framed(chunks(EVENTS) + b"data: more\n\n")],
)
def octets_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients cut the answer where its length says, or take the rest for the next reply on the connection."""
    if at := _beyond(x):
        yield Finding(f"{at.end - at.start} octets follow the end of the reply", at=at)


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


def has_whole_body(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and its body came to its end."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if is_labelled(reply(x)) and fault_of(reply(x).content):
        return untestable("an event stream came in place of one answer")
    if packed_by(reply(x)):
        return untestable("the body is compressed without a word")
    if _beyond(x):
        return untestable("octets follow the end that the framing gives the body")
    return not_applicable("the status says that there is no body") if reply(x).status in (204, 205) else None


def packed_by(answer: Reply) -> str:
    """What a body is compressed by though no Content-Encoding says so, or nothing."""
    return "" if answer.coding else next((name for magic, name in PACKED.items() if answer.raw.startswith(magic)), "")


@rule(
    "HTTP008",
    MUST,
    "A whole answer is one JSON value in UTF-8",
    spec=RFC8259 + "2",
    fix="Serialise the answer once with a JSON library, in UTF-8 without BOM, and check what a proxy puts in its place.",
    when=has_whole_body,
    good=[GOOD, answered(' {"text": "\\ud83d\\ude00 \u00e9 \\ud800"}\r\n')],
    bad=[
        answered(""),
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


def posted(x: Exchange) -> Skip | None:
    """A question was posted, and a success came back."""
    return succeeded(x) or (None if x.sent.startswith(b"POST ") else not_applicable("nothing was posted"))


@rule(
    "HTTP009",
    MUST,
    "A success has a body",
    spec=RFC9110 + "15.3.5",
    fix="Answer 200 with the answer, or with an error status where there is none.",
    when=posted,
    good=[GOOD, streamed(*HELLO)],
    bad=[exchange(b"HTTP/1.1 204 No Content\r\n\r\n"), answered("", status=205)],
)
def success_without_content(x: Exchange) -> Iterator[Finding]:
    """The client takes the missing answer for a success, and shows nothing."""
    if reply(x).status in (204, 205):
        yield Finding(f"the target answered {reply(x).status}, which has no body", at=reply(x).head)


@rule(
    "HTTP010",
    SHOULD,
    "An answer comes with status 200",
    spec=COMPLETIONS,
    fix="Answer 200; other 2xx statuses promise something else (202: not yet done, 206: a part).",
    when=posted,
    good=[GOOD, streamed(*HELLO)],
    bad=[answered(completion(), status=202), streamed(*HELLO, status=206)],
)
def success_other_than_200(x: Exchange) -> Iterator[Finding]:
    """EventSource clients accept nothing but 200 (WHATWG HTML, 9.2.3), and retry layers may wait for a 202's result."""
    if reply(x).status not in (200, 204, 205):
        yield Finding(f"the answer came with status {reply(x).status}", at=reply(x).head)


@rule(
    "HTTP011",
    MUST,
    "A question is answered where it is asked, not redirected",
    spec=RFC9110 + "15.4",
    fix="Give clients the final base URL, and serve the API's path itself with and without a slash at its end.",
    when=replied,
    good=[GOOD, answered("", status=404)],
    bad=[answered("", status=301, headers=[("location", "/v1/x/")]), answered("", status=307, headers=[])],
)
def redirected(x: Exchange) -> Iterator[Finding]:
    """After 301, 302 and 303 clients ask again by GET without the body; after 307 and 308 many drop the key, or stop."""
    answer = reply(x)
    if answer.status in range(300, 400):
        to = f" to {answer.value('location')[:120]}" if answer.value("location") else ""
        yield Finding(f"the target answered {answer.status}: it redirects{to}", at=answer.span("location"))


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


def has_body(x: Exchange) -> Skip | None:
    """A reply with a body came."""
    return replied(x) or (None if reply(x).raw else not_applicable("the reply has no body"))


@rule(
    "HTTP013",
    MUST,
    "The body is in the content coding that its header names",
    spec=RFC9110 + "8.4",
    fix="Let one layer compress and set Content-Encoding, and make proxies pass both on or undo both.",
    when=has_body,
    good=[GOOD, coded("gzip", gzip.compress(b"{}")), coded("br", b"\x0b\x02\x80{}\x03")],
    bad=[coded(None, gzip.compress(b"{}")), coded("gzip", b"{}")],
)
def content_coding_lie(x: Exchange) -> Iterator[Finding]:
    """The client sees noise in place of an answer."""
    answer = reply(x)
    at = answer.locate(0, min(len(answer.raw), 16))
    if answer.coding_fault:
        yield Finding(answer.coding_fault, at=at)
    if packed := packed_by(answer):
        yield Finding(f"the body is compressed by {packed}, and no Content-Encoding says so", at=at)


def codings(x: Exchange) -> list[str]:
    """The content codings that the reply names, in lower case."""
    return [
        part.strip().lower()
        for value in reply(x).values("content-encoding")
        for part in value.split(",")
        if part.strip()
    ]


def is_coded(x: Exchange) -> Skip | None:
    """A reply in a content coding came."""
    return replied(x) or (None if codings(x) else not_applicable("the reply has no content coding"))


@rule(
    "HTTP014",
    MUST,
    "The content coding is one that the request accepts",
    spec=RFC9110 + "12.5.3",
    fix="Compress only with a coding that the request's Accept-Encoding lists, or not at all.",
    when=is_coded,
    good=[coded("gzip", gzip.compress(b"{}")), coded("br", b"...", "gzip;q=0.5, *"), coded("identity", b"{}")],
    bad=[coded("br", b"\x0b\x02\x80{}\x03"), coded("gzip", gzip.compress(b"{}"), "gzip;q=0, br")],
)
def coding_not_accepted(x: Exchange) -> Iterator[Finding]:
    """A client lists the codings that it can undo: any other leaves it with noise."""
    listed = requested(x, "accept-encoding")
    weights = dict(_weight(part) for value in listed for part in value.lower().split(","))
    for coding in codings(x):
        name = coding.removeprefix("x-")
        if listed and coding in CODINGS and name != "identity" and not weights.get(name, weights.get("*", 0)):
            seen = f"the body is coded as {coding}, the request accepts {', '.join(listed)[:80] or 'none'}"
            yield Finding(seen, at=reply(x).span("content-encoding"))


def _weight(part: str) -> tuple[str, float]:
    """The name and the weight of one entry of Accept-Encoding."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    refused = any(re.fullmatch(r"q\s*=\s*0(?:\.0*)?", parameter) for parameter in parameters)
    return name.removeprefix("x-"), 0.0 if refused else 1.0


@rule(
    "HTTP015",
    SHOULD,
    "Content-Encoding names a registered content coding",
    spec=RFC9110 + "8.4.1",
    fix="Remove the header where the body is not compressed; to keep a proxy from compressing, send Cache-Control: no-transform.",
    when=is_coded,
    good=[coded("gzip", gzip.compress(b"{}"))],
    bad=[coded("none", b"{}"), coded("utf-8", b"{}")],
)
def unregistered_coding(x: Exchange) -> Iterator[Finding]:
    """Some clients pass such a body through, others refuse it."""
    for coding in codings(x):
        if coding not in CODINGS:
            yield Finding(f"Content-Encoding names {coding[:40]}", at=reply(x).span("content-encoding"))


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
    "HTTP018",
    SHOULD,
    "The end of a reply can be told from a cut",
    spec=RFC9112 + "6.3",
    fix="Send a Content-Length, or answer in chunks over HTTP/1.1 (proxies: proxy_http_version 1.1).",
    when=has_body,
    good=[GOOD, framed(chunks(EVENTS))],
    bad=[exchange(http(200, (SSE,), EVENTS, length=False)), exchange(b"HTTP/1.0 200 OK\r\n\r\n{}", mode="unary")],
)
def end_by_close(x: Exchange) -> Iterator[Finding]:
    """A body that ends where the connection does looks complete, even if half of it was lost."""
    if reply(x).framing == "close" and not reply(x).faults:
        yield Finding("the reply has neither a length nor chunks: it ends where the connection does", at=reply(x).head)


@rule(
    "HTTP019",
    MUST,
    "A reply stays within the harness's bounds of size",
    spec=RFC9110 + "17.5",
    fix="Find what repeats itself (headers, events, a retry inside the server), and stop at max_tokens.",
    when=tried,
    good=[GOOD],
    bad=[exchange(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9, ending=Ending("limit", "body", 0, "the head has no end"))],
)
def boundless_reply(x: Exchange) -> Iterator[Finding]:
    """Clients read it until their memory or their patience is used up."""
    if x.ending.how == "limit":
        yield Finding(f"the harness stopped reading: {x.ending.detail or 'a bound was reached'}", at=_tail(x))


@rule(
    "HTTP020",
    SHOULD,
    f"The reply's head has no more than {MAX_HEAD} octets",
    spec=RFC9110 + "5.4",
    fix="Send fewer and shorter headers; debug information belongs into logs.",
    when=replied,
    good=[GOOD],
    bad=[answered("{}", headers=[JSON, ("x-debug", "a" * MAX_HEAD)])],
)
def oversized_head(x: Exchange) -> Iterator[Finding]:
    """Node.js refuses larger heads by default, and so do many proxies: their users get an error for each answer."""
    head = reply(x).head
    if head.end - head.start > MAX_HEAD:
        yield Finding(f"the head has {head.end - head.start} octets", at=head)
