"""Read run folders of format 1, of version 0.4 and before, in which a test case is named by its probe alone."""

from typing import Final, Literal, NamedTuple

import msgspec

from conformance.model.case import named_case
from conformance.model.exchange import Arrival, Ending, Span
from conformance.model.words import Api, Mode
from conformance.storage.metadata import RECEIVED, ExchangeMetadata

FORMAT_1: Final = "oai-conformance-run/1"
RECEIVED_1: Final = "heard.bin"


class _Case(msgspec.Struct, frozen=True):
    api: Api
    profile: str
    mode: Mode
    probe: str


class _Span(NamedTuple):
    start: int
    end: int
    side: Literal["sent", "heard"]


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    question: _Case
    also: tuple[_Case, ...] = ()
    sent_octets: int
    heard_octets: int
    sent_at_ns: int
    held_up_ns: int = 0
    ending: Ending
    masked: tuple[_Span, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


def received_file(format: str) -> str:  # noqa: A002 - the field's name in run.json
    """The name of the file with the received bytes."""
    return RECEIVED_1 if format == FORMAT_1 else RECEIVED


def metadata_of_1(text: bytes) -> ExchangeMetadata:
    """The content of an `exchange.json` of format 1. Raises msgspec.DecodeError or ValueError."""
    old = msgspec.json.decode(text, type=_Metadata)
    case, *merged = [named_case(c.probe, c.profile, c.mode) for c in (old.question, *old.also)]
    if case.api != old.question.api:
        raise ValueError(f"{old.question.probe!r} is not a probe of {old.question.api}")
    return ExchangeMetadata(
        id=old.id,
        case=case,
        merged_cases=tuple(merged),
        sent_bytes=old.sent_octets,
        received_bytes=old.heard_octets,
        sent_at_ns=old.sent_at_ns,
        harness_stall_ns=old.held_up_ns,
        ending=old.ending,
        masked=tuple(Span(s.start, s.end, "sent" if s.side == "sent" else "received") for s in old.masked),
        arrivals=old.arrivals,
    )
