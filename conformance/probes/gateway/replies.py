"""Requests whose responses must come back as they were sent: legal ones in unusual forms, slow ones, defective ones."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import CONVERSATIONAL, GENERATIVE, MODES, Api, Mode
from conformance.probes.baseline import Change, token_cap
from conformance.probes.encoding import Offer, request_encoding, usage_too
from conformance.probes.tools import TWICE, closed, tool

STREAM: tuple[Mode, ...] = ("stream",)
UNARY: tuple[Mode, ...] = ("unary",)
CALLS = "The response only calls tools, with arguments in characters of several bytes, and an integer above 2^53."
ORDER = tool(
    "place_order",
    "Place an order.",
    closed(
        place=closed(city={"type": "string", "enum": ["Zürich, 東京 🌙"]}),
        number={"type": "integer", "enum": [9007199254740993]},
    ),
    strict=True,
)
"""A tool with one possible call."""
ALONE = 2
"""The stage of the request whose times are judged: no other one is sent at the same time."""
FEW = 16
"""Tokens of a response that its cap cuts off."""


def _asking_usage(api: Api, **fields: object) -> Change:
    return lambda body, mode: body | fields | usage_too(api, mode)


def _sent(
    kind: Kind, api: Api, script: str, purpose: str, build: Change | None = None, *, about: str = "", **facts: Any
) -> Probe:
    """A request that a script serves, a stream in the gate unless `facts` say otherwise; `about` names it."""
    usual: dict[str, Any] = {
        "modes": STREAM,
        "suite": "gate",
        "max_tokens": 128,
        "build_body": build or _asking_usage(api),
    }
    return Probe(api=api, kind=kind, subject=about or script, purpose=purpose, script=script, **(usual | facts))


legal = partial(_sent, Kind.GATEWAY_VARIANT)
"""A request that gets a correct response, in an unusual form."""
fault = partial(_sent, Kind.GATEWAY_FAULT, is_followed=False)
"""A request whose response is defective; a usual one follows only where that is said."""


def _calling(api: Api) -> Change:
    return request_encoding(api, TWICE, 128, Offer((ORDER,), "required"))


def _legal(api: Api) -> Iterator[Probe]:
    """In the gate."""
    yield legal(api, "framed-in-every-form", "The stream has every form that its specification allows, cut anywhere.")
    yield legal(api, "coded-when-accepted", "The stream is compressed, and flushed event by event.")
    yield legal(api, "sized", "The stream has a Content-Length, lines that end in CRLF, and a field of 64 kB.")
    yield legal(api, "slow", "The head comes at once, the first token late, and the rest at an even pace.", stage=ALONE)
    yield legal(
        api,
        "native-sse",
        "The token cap cuts the response off.",
        _asking_usage(api, **token_cap(api, FEW)),
        about="length",
        modes=MODES,
    )
    yield legal(api, "refused", "The upstream refuses a streaming request with 400.", suite="full")


def _calls(api: Api) -> Iterator[Probe]:
    """In the gate: tool calls, and a response that breaks off within one."""
    yield legal(api, "few-octets-a-write", CALLS, _calling(api), about="calls", modes=MODES)
    yield fault(api, "cut-in-event", "The upstream closes the connection within a call's arguments.", _calling(api))


OF_CHAT = (
    legal(
        "chat",
        "rich",
        "Two choices with reasoning, annotations, audio and log probabilities; they end for two reasons.",
        _asking_usage("chat", n=2, logprobs=True, max_tokens=FEW),
        modes=MODES,
    ),
    legal("chat", "no-done", "The stream has its finish reason, and ends without [DONE]."),
    legal("chat", "usage-with-an-empty-choice", "The usage is in a chunk with an empty delta."),
    legal("chat", "usage-in-two-places", "The usage is in a chunk, and in a vendor's field."),
    legal("chat", "usage-untold", "The upstream never tells its usage.", suite="full"),
    legal(
        "chat",
        "usage-untold",
        "The upstream never tells its usage.",
        modes=UNARY,
        suite="full",
        about="usage-untold-whole",
    ),
    legal("chat", "model-refuses", "The model declines: its text is in `refusal`.", modes=MODES, suite="full"),
    legal("chat", "thoughts-first", "Reasoning comes first, as `reasoning_content`.", suite="full"),
    legal("chat", "answer-with-thoughts", "The response has `reasoning_content`.", modes=UNARY, suite="full"),
)
OF_MESSAGES = tuple(
    legal("messages", script, f"{title}.", modes=modes, suite=suite)
    for script, title, modes, suite in (
        ("thinking-first", "A thinking block comes first, with its signature", STREAM, "gate"),
        ("citations", "The text has citations", STREAM, "gate"),
        ("usage-on-the-way", "Usage is reported in three events", STREAM, "gate"),
        ("thinking-redacted", "A redacted thinking block comes first", MODES, "full"),
        ("search-first", "A server's own search comes first", MODES, "full"),
        ("text-in-two-blocks", "The text has two blocks", STREAM, "full"),
        ("pings-everywhere", "There are pings everywhere", STREAM, "full"),
        ("events-of-tomorrow", "There are events of an unknown type", STREAM, "full"),
    )
)
OF_RESPONSES = (
    legal("responses", "response-failed", "The stream ends with response.failed."),
    legal(
        "responses",
        "rich",
        "The text has an annotation and log probabilities, and there is a refusal beside it.",
        modes=MODES,
    ),
)

FULL_FORMS = (
    "large-field",
    *("lines-end-in-cr", "lines-end-in-crlf", "blank-lines", "bom", "comments", "no-blank", "json-over-data-lines"),
    *("ids-and-retry", "data-before-name", "comment-at-the-end", "chunks-cut-anywhere", "chunk-extensions", "trailers"),
    *("four-events-a-write", "http-1.0-until-close", "header-in-capitals", "early-hints", "connection-close"),
    *("types-in-capitals", "json-in-ascii", "head-in-odd-dress", "blank-line-late"),
)
"""Legal variants of a stream, one at a time."""
FULL_WHOLES = (
    "json-gzipped",
    "json-in-chunks",
    "json-until-close",
    "http-1.0-until-close",
    "json-spaced",
    "json-in-ascii",
)
FULL_CHUNKS = (
    *("role-on-every-chunk", "last-text-with-finish", "azure-first-chunk", "moderation-last", "nulls-in-chunks"),
    *("vendor-fields-in-chunks", "empty-deltas-between", "chunks-as-few-as-possible", "usage-so-far"),
)
"""Legal variants of the chunks of Chat Completions."""


def _legal_in_full(api: Api) -> Iterator[Probe]:
    for script in FULL_FORMS:
        yield legal(api, script, "A legal form of a stream.", suite="full")
    for script in FULL_WHOLES:
        about = f"whole.{script}"
        yield legal(api, script, "A legal form of a non-streaming response.", about=about, modes=UNARY, suite="full")
    for script in FULL_CHUNKS if api == "chat" else ():
        yield legal(api, script, "A legal form of chunks.", suite="full")


def _faults(api: Api) -> Iterator[Probe]:
    """In the gate: responses that break off, or that a gateway may treat as another kind of response."""
    yield fault(api, "stream-cut", "The upstream closes the connection in mid-stream.")
    yield fault(api, "stream-reset", "The upstream resets the connection in mid-stream.", is_followed=True)
    yield fault(api, "cut-at-the-start", "The upstream closes the connection before the first event.")
    yield fault(api, "unended", "The upstream's stream ends half-way, as if nothing was missing.")
    yield fault(api, "failed-in-stream", "The upstream's stream has an error event in the middle.")
    yield fault(api, "sse-unlabelled", "The upstream's stream has no Content-Type.")
    yield fault(api, "length-not-met", "The upstream's body is shorter than its Content-Length.", modes=UNARY)
    yield fault(api, "cut-json", "The upstream's body ends within its JSON.", modes=UNARY, suite="full")
    yield fault(api, "empty-200", "The upstream's success has no body.", modes=UNARY)


FULL_FAULTS = (
    *("no-last-chunk", "stream-empty", "stream-comments-only", "single-newlines", "no-data-prefix", "data-twice"),
    *(
        "json-torn",
        "python-for-json",
        "sse-as-text",
        "sse-as-json",
        "gzip-undeclared",
        "gzip-claimed",
        "no-last-newline",
    ),
    *("two-framings", "length-of-the-first-event", "chunks-undone", "coding-none", "half-a-character"),
)
"""Planted defects of a stream."""
FULL_WHOLE_FAULTS = ("gzip-of-nothing", "gzip-corrupt", "page-200", "no-content", "json-unlabelled")
FULL_CHUNK_FAULTS = ("text-after-the-end", "done-in-small")


def _faults_in_full(api: Api) -> Iterator[Probe]:
    for script in FULL_FAULTS:
        yield fault(api, script, "A defect of a stream.", suite="full")
    for script in FULL_WHOLE_FAULTS:
        about = f"whole.{script}"
        yield fault(api, script, "A defect of a non-streaming response.", about=about, modes=UNARY, suite="full")
    for script in FULL_CHUNK_FAULTS if api == "chat" else ():
        yield fault(api, script, "A defect of chunks.", suite="full")


PROBES = (
    *(probe for api in GENERATIVE for of in (_legal, _faults, _legal_in_full, _faults_in_full) for probe in of(api)),
    *(probe for api in CONVERSATIONAL for probe in _calls(api)),
    *OF_CHAT,
    *OF_MESSAGES,
    *OF_RESPONSES,
)
