"""From a request that arrived at the upstream to an exchange, without secrets. Pure."""

import re
from dataclasses import replace
from typing import Final

from conformance.apis.nonce import marker
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending, Exchange, Origin, Span
from conformance.model.words import Mode
from conformance.parsing.http1 import request_content
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import as_object
from conformance.recordings.build import api_of
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.redact import octets

KEY_FIELD: Final = re.compile(rb"(?im)^(authorization|x-api-key|api-key|proxy-authorization|cookie):[ \t]*([^\r\n]*)")
CANARY: Final = b"canary"
"""What is in each credential that the harness makes up: it is no secret, and is shown."""
PROFILE: Final = "gateway"


def exchange_of(x: AcceptedExchange, upstream: int, key: str | None) -> Exchange:
    """The exchange, with the test case of a request to its API. `key` is the client's: the gateway's must be another.

    The client's key is masked wherever it arrived, and `masked` says where; other credentials are masked in their
    fields, unless the harness made them up.
    """
    sent, leaked = _masked(x.sent, key)
    unnamed = Exchange(id="", case=CaseId("chat", PROFILE, "unary", Kind.RECORDED), sent=x.sent)
    body = as_object(parse_json(request_content(unnamed)))
    mode: Mode = "stream" if body.get("stream") is True else "unary"
    path = x.path.decode("latin-1")
    api = api_of(x.method.decode("ascii", "replace"), path, lambda: request_content(unnamed)) or "chat"
    found = marker(request_content(unnamed))
    return replace(
        unnamed,
        case=CaseId(api, PROFILE, mode, Kind.RECORDED, subject=path),
        sent=sent,
        received=x.received,
        arrivals=x.arrivals,
        sent_at_ns=x.sent_at_ns,
        began_ns=x.began_ns,
        harness_stall_ns=x.stall_ns,
        ending=_ending(x),
        masked=leaked,
        hop="upstream",
        nonce=found.nonce if found else "",
        origin=Origin(host=f"upstream {upstream + 1}", source=f"connection {x.connection}, request {x.number + 1}"),
        cache={},
    )


def _ending(x: AcceptedExchange) -> Ending:
    """How the exchange ended; `hung-up` when the gateway left before it was over."""
    if x.ending.how == "hung-up":
        return Ending("hung-up", x.ending.phase, x.peer_at_ns, "the gateway closed the connection")
    return x.ending


def _masked(sent: bytes, key: str | None) -> tuple[bytes, tuple[Span, ...]]:
    """The request without credentials, and where it held the client's key."""
    secret = octets(key) if key else b""
    spans = tuple(Span(at.start(), at.end(), "sent") for at in re.finditer(re.escape(secret), sent)) if secret else ()
    for span in spans:
        sent = sent[: span.start] + b"*" * len(secret) + sent[span.end :]
    head, end, body = sent.partition(b"\r\n\r\n")
    return KEY_FIELD.sub(_hidden, head) + end + body, spans


def _hidden(found: re.Match[bytes]) -> bytes:
    value = found[2]
    if CANARY in value:
        return found[0]
    return found[0][: len(found[0]) - len(value)] + re.sub(rb"[^ ]", b"*", value) if value else found[0]
