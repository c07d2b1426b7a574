"""Content coding: the one declared, the one used, and the ones the request accepts."""

import gzip
import re
from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import LACKING, rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply, request_header
from conformance.rules.conditions import replied
from conformance.rules.example import JSON, exchange, http
from conformance.rules.http.conditions import has_body
from conformance.rules.http.example import GOOD
from conformance.rules.http.spec import RFC9110

CODINGS = ("gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "identity")


def coded(coding: str | None, body: bytes, accepted: str = "gzip, deflate") -> Exchange:
    """A response with this content coding, to a request that accepts these."""
    headers = (JSON, *((("content-encoding", coding),) if coding else ()))
    return exchange(http(200, headers, body), mode="unary", request_headers=(("Accept-Encoding", accepted),))


@rule(
    "HTTP013",
    MUST,
    "The body's content coding matches Content-Encoding",
    spec=RFC9110 + "8.4",
    fix="Let one layer compress the body and set Content-Encoding, and make proxies forward both or remove both.",
    applies_to=has_body,
    needs=("framing",),
    apis=APIS,
    good=[GOOD, coded("gzip", gzip.compress(b"{}", mtime=0)), coded("br", b"\x0b\x02\x80{}\x03")],
    bad=[coded(None, gzip.compress(b"{}", mtime=0)), coded("gzip", b"{}")],
)
def wrong_content_encoding(x: Exchange) -> Iterator[Finding]:
    """The client reads compressed bytes as text, or fails to decompress plain text."""
    answer = reply(x)
    at = answer.locate(0, min(len(answer.raw), 16))
    if answer.coding_fault:
        yield Finding(answer.coding_fault, at=at)
    if answer.undeclared_coding:
        yield Finding(
            f"the response body is compressed with {answer.undeclared_coding}, but has no Content-Encoding", at=at
        )


def codings(x: Exchange) -> list[str]:
    """The response's Content-Encoding values, in lower case."""
    return [
        part.strip().lower()
        for value in reply(x).values("content-encoding")
        for part in value.split(",")
        if part.strip()
    ]


def is_coded(x: Exchange) -> NotJudged | None:
    """The response has a Content-Encoding; recordings hold the body without it, and do not say that it had none."""
    if skip := replied(x):
        return skip
    if "framing" not in x.recorded:
        return untestable(LACKING["framing"])
    return None if codings(x) else not_applicable("the response has no Content-Encoding")


@rule(
    "HTTP014",
    MUST,
    "Content-Encoding is one that the request's Accept-Encoding allows",
    spec=RFC9110 + "12.5.3",
    fix="Compress only with a coding that the request's Accept-Encoding lists, or not at all.",
    applies_to=is_coded,
    needs=("headers", "framing"),
    apis=APIS,
    good=[coded("gzip", gzip.compress(b"{}", mtime=0)), coded("br", b"...", "gzip;q=0.5, *"), coded("identity", b"{}")],
    bad=[coded("br", b"\x0b\x02\x80{}\x03"), coded("gzip", gzip.compress(b"{}", mtime=0), "gzip;q=0, br")],
)
def coding_not_accepted(x: Exchange) -> Iterator[Finding]:
    """A client lists the content codings that it can decode, and can't read a body in any other."""
    listed = request_header(x, "accept-encoding")
    weights = dict(_weight(part) for value in listed for part in value.lower().split(","))
    for coding in codings(x):
        name = coding.removeprefix("x-")
        if listed and coding in CODINGS and name != "identity" and not weights.get(name, weights.get("*", 0)):
            seen = f"Content-Encoding is {coding}; the request's Accept-Encoding is {', '.join(listed)[:80] or 'empty'}"
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
    fix="Omit Content-Encoding if the body is not compressed; to keep proxies from compressing it, send Cache-Control: no-transform.",
    applies_to=is_coded,
    needs=("headers", "framing"),
    apis=APIS,
    good=[coded("gzip", gzip.compress(b"{}", mtime=0))],
    bad=[coded("none", b"{}"), coded("utf-8", b"{}")],
)
def unregistered_coding(x: Exchange) -> Iterator[Finding]:
    """Some clients ignore an unknown content coding, others reject the response."""
    for coding in codings(x):
        if coding not in CODINGS:
            yield Finding(
                f"Content-Encoding is {coding[:40]}, which is not a registered content coding",
                at=reply(x).span("content-encoding"),
            )
