"""Content of `exchange.json`: an exchange without its bytes, but with their counts."""

from typing import Final

import msgspec

from conformance.model.case import CaseId
from conformance.model.exchange import Arrival, Ending, Exchange, Origin, Span
from conformance.model.words import FACETS, Facet, Hidden, Hop

IMPLIED: Final[frozenset[Facet]] = frozenset(("request", "end"))
METADATA: Final = "exchange.json"
SENT: Final = "sent.bin"
RECEIVED: Final = "received.bin"
ATTEMPTS: Final[dict[Hop, range]] = {"client": range(1, 4), "upstream": range(1, 10_000)}
"""Of the harness, and of a gateway that tries again."""


class ExchangeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange as `exchange.json` stores it."""

    id: str
    case: CaseId
    merged_cases: tuple[CaseId, ...] = ()
    attempt: int = 1
    hop: Hop = "client"
    nonce: str = ""
    began_ns: int = 0
    is_reused: bool = False
    recorded: tuple[Facet, ...] = tuple(sorted(FACETS))
    origin: Origin | None = None
    sent_bytes: int
    received_bytes: int
    sent_at_ns: int
    harness_stall_ns: int = 0
    ending: Ending
    masked: tuple[Span, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


def inconsistency(metadata: ExchangeMetadata) -> str:
    """Why no recording can have such metadata, or empty."""
    cases = (metadata.case, *metadata.merged_cases)
    if not all(text.isprintable() for case in cases for text in (case.profile, case.subject, case.variant)):
        return "the name of a test case has control characters"
    if any(case.repeat < 0 for case in cases) or metadata.attempt not in ATTEMPTS[metadata.hop]:
        return "a test case has a negative repeat, or its attempt is out of range"
    if any(arrival.length < 1 for arrival in metadata.arrivals):
        return "an arrival has no bytes"
    times = [0, *(arrival.at_ns for arrival in metadata.arrivals)]
    if times != sorted(times) or min(metadata.sent_at_ns, metadata.harness_stall_ns) < 0:
        return "its times are negative, or go backwards"
    sizes = {"sent": metadata.sent_bytes, "received": metadata.received_bytes}
    if any(not 0 <= span.start <= span.end <= sizes[span.side] for span in metadata.masked):
        return "a masked span is outside the bytes"
    return ""


def encode(x: Exchange) -> bytes:
    """Readable JSON of an exchange's metadata: one arrival per line."""
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(metadata_of(x), arrivals=())), indent=2)
    lines = b",\n".join(b"    [%d, %d]" % arrival for arrival in x.arrivals)
    arrivals = b'"arrivals": [\n%b\n  ]\n}\n' % lines if lines else b'"arrivals": []\n}\n'
    return text.removesuffix(b'"arrivals": []\n}') + arrivals


def metadata_of(x: Exchange) -> ExchangeMetadata:
    """The metadata of an exchange."""
    return ExchangeMetadata(
        id=x.id,
        case=x.case,
        merged_cases=x.merged_cases,
        attempt=x.attempt,
        hop=x.hop,
        nonce=x.nonce,
        began_ns=x.began_ns,
        is_reused=x.is_reused,
        recorded=_named(x.recorded),
        origin=x.origin,
        sent_bytes=len(x.sent),
        received_bytes=len(x.received),
        sent_at_ns=x.sent_at_ns,
        harness_stall_ns=x.harness_stall_ns,
        ending=x.ending,
        masked=x.masked,
        hidden=tuple(sorted(x.hidden)),
        arrivals=x.arrivals,
    )


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """An exchange as one value, to be passed on between processes."""

    metadata: ExchangeMetadata
    sent: bytes
    received: bytes


def pack(x: Exchange) -> Packed:
    """The exchange as one value."""
    return Packed(metadata_of(x), x.sent, x.received)


def unpack(packed: Packed) -> Exchange:
    """The exchange that was packed."""
    return exchange_of(packed.metadata, packed.sent, packed.received)


def _named(recorded: frozenset[Facet]) -> tuple[Facet, ...]:
    """The facets as they are stored: whoever records the framing has those that it implies, which older versions do not
    know.
    """
    return tuple(sorted(recorded - IMPLIED if "framing" in recorded else recorded))


def _facets(named: tuple[Facet, ...]) -> frozenset[Facet]:
    """The facets of what is stored so."""
    return frozenset(named) | (IMPLIED if "framing" in named else frozenset())


def exchange_of(metadata: ExchangeMetadata, sent: bytes, received: bytes) -> Exchange:
    """The exchange, from its metadata and bytes."""
    return Exchange(
        id=metadata.id,
        case=metadata.case,
        merged_cases=metadata.merged_cases,
        attempt=metadata.attempt,
        hop=metadata.hop,
        nonce=metadata.nonce,
        began_ns=metadata.began_ns,
        is_reused=metadata.is_reused,
        recorded=_facets(metadata.recorded),
        origin=metadata.origin,
        sent=sent,
        received=received,
        arrivals=metadata.arrivals,
        sent_at_ns=metadata.sent_at_ns,
        harness_stall_ns=metadata.harness_stall_ns,
        ending=metadata.ending,
        masked=metadata.masked,
        hidden=frozenset(metadata.hidden),
    )
