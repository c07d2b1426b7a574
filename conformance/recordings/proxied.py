"""From an exchange that passed through the proxy to an entry of a recording: which API, in which mode, without secrets.

The bytes stay as they were, but for secrets, which are masked in the same length: all facets are recorded, unless the
client left before the end.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from conformance.apis.ending import terminal_events
from conformance.apis.request import request_body
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.words import FACETS, Mode
from conformance.parsing.http1 import request_content, request_header
from conformance.parsing.json_values import as_string
from conformance.recordings.build import PROFILE, api_of, skipped
from conformance.recordings.credentials import secrets_of
from conformance.recordings.entry import Entry, Skipped
from conformance.recordings.secrets import masked_field, masked_messages, masked_query
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.redact import final_head, mask_text, to_bytes

FIELD: Final = re.compile(rb"(?m)^([^\s:]+)([ \t]*:[ \t]*)([^\r\n]*)")
HEAD_END: Final = b"\r\n\r\n"
ENDED_BY_CLIENT: Final = "the client closed the connection at the end of the stream"
IDLE_CLOSE: Final = "the server closed a connection that was in use before, as it may between two requests"


def entry_of(x: AcceptedExchange, host: str) -> Entry | Skipped:
    """The entry of an exchange with a host, or why it is not judged.

    A request that found no server is none of the server's: `no-response`.
    """
    source = f"connection {x.connection}, request {x.number + 1}"
    if x.ending.how == "unreachable":
        return skipped(source, "no-response", x.ending.detail)
    if HEAD_END not in x.sent and x.ending.how != "interrupted":
        return skipped(source, "damaged", "the lines of the request's head do not end with CRLF")
    method, path = x.method.decode("ascii", "replace"), x.path.decode("latin-1")
    unnamed = Exchange(id="", case=CaseId("chat", PROFILE, "unary", Kind.RECORDED), sent=x.sent)
    api = api_of(method, path, lambda: request_content(unnamed))
    if api is None:
        return skipped(source, "other-path", f"{method} {host}{path}")
    body = request_body(unnamed)
    mode: Mode = "stream" if body.get("stream") is True else "unary"
    exchange = _masked(x, CaseId(api, PROFILE, mode, Kind.RECORDED), body)
    if x.ending.how == "hung-up" and terminal_events(exchange):
        exchange = _without_end(exchange)
    return Entry(
        exchange=exchange,
        host=host,
        model=as_string(body.get("model")),
        client=next(iter(request_header(exchange, "user-agent")), ""),
        source=source,
        at=x.began,
    )


def _masked(x: AcceptedExchange, case: CaseId, request: dict[str, Any]) -> Exchange:
    """The exchange without its secrets. Arrivals that had to wait for the client do not show the server's pace."""
    head, end, body = x.sent.partition(HEAD_END)
    line, _, fields = head.partition(b"\n")
    head_at, _ = final_head(x.received)
    received = tuple(_fields(x.received[:head_at]))
    secrets = secrets_of(_text(line), tuple(_fields(fields)), received, request, filters=False)
    masked = masked_messages(
        b"".join(
            (to_bytes(masked_query(_text(line))), head[len(line) : len(line) + 1], _without_values(fields), end, body)
        ),
        _without_values(x.received[:head_at]) + x.received[head_at:],
        x.received,
        secrets,
    )
    return Exchange(
        id="",
        case=case,
        sent=masked.sent,
        received=masked.received,
        arrivals=x.arrivals,
        sent_at_ns=x.sent_at_ns,
        harness_stall_ns=x.stall_ns,
        ending=_ending(x, (*secrets.keys, *secrets.others)),
        masked=masked.repeated,
        hidden=masked.hidden,
        recorded=FACETS - {"timing"} if x.was_held else FACETS,
    )


def _without_end(x: Exchange) -> Exchange:
    """A stream whose client left at its last event: its content is there, and how the server ends it is not known.

    The SDKs of OpenAI close the connection at `[DONE]`, often before the last chunk of the body arrives:
    https://github.com/openai/openai-python/blob/main/src/openai/_streaming.py
    """
    ending = Ending("closed", "after", x.ending.at_ns, ENDED_BY_CLIENT)
    return replace(x, ending=ending, recorded=x.recorded - {"framing", "end"}, cache={})


def _ending(x: AcceptedExchange, secrets: tuple[str, ...]) -> Ending:
    """How the exchange ended, where the server is not to blame for what the client, or the proxy, ended."""
    how, detail = x.ending.how, x.ending.detail
    if how == "hung-up":
        how = "interrupted"
    if how in ("closed", "reset") and x.number and not x.received:
        how, detail = "interrupted", IDLE_CLOSE
    return Ending(how, x.ending.phase, x.ending.at_ns, mask_text(detail, secrets))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    return ((_text(found[1]), _text(found[3])) for found in FIELD.finditer(head))


def _without_values(head: bytes) -> bytes:
    """The lines of a head with the values of secret fields masked, in the same length."""
    return FIELD.sub(lambda found: found[1] + found[2] + to_bytes(masked_field(_text(found[1]), _text(found[3]))), head)
