"""Placeholders in recorded bodies: what a recorder wrote instead of a value that it was told to leave out. Pure."""

import re
from typing import Final

from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import Direction

WORDS: Final = rb"(?:redacted|filtered|scrubbed|sanitized|removed|masked|hidden)"
REPLACED = re.compile(
    rb"[:\[,]\s*+\"("
    rb"(?:REDACTED|FILTERED|SCRUBBED|SANITIZED|REMOVED|MASKED)|redacted|scrubbed|sanitized"
    rb"|[<\[{(*_-]{1,4}(?i:" + WORDS + rb")[>\]})*_-]{1,4}"
    rb"|\*{5,99}|[xX]{6,99}"
    rb")\"(?=\s*[,}\]])"
)
"""A string of a JSON text that is nothing else. Words of a model's answer count only where no model writes them so."""


def placeholder(x: Exchange, side: Direction) -> str:
    """The first value of a body that another tool left out of its recording, or empty.

    What the harness masked itself is not meant: `Exchange.masked` says where that is.
    """
    return "" if "framing" in x.recorded else _FIRST[side](x)


def _first(x: Exchange, side: Direction) -> str:
    message = x.sent if side == "sent" else x.received
    masked = [span for span in x.masked if span.side == side]
    for found in REPLACED.finditer(message, message.find(b"\r\n\r\n") + 1):
        if not any(span.start <= found.start(1) < span.end for span in masked):
            return found[1].decode("ascii")
    return ""


@cached_reader
def _first_sent(x: Exchange) -> str:
    return _first(x, "sent")


@cached_reader
def _first_received(x: Exchange) -> str:
    return _first(x, "received")


_FIRST: Final = {"sent": _first_sent, "received": _first_received}
