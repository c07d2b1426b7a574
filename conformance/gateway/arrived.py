"""From a request that arrived at the upstream to an exchange, without secrets. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.apis.nonce import MARKER, marker
from conformance.apis.request import MOST_VALUES, conversation_texts
from conformance.apis.specs import spec
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending, Exchange, Origin, Span
from conformance.model.words import GENERATIVE, Api, Hidden, Mode
from conformance.parsing.http1 import request_content
from conformance.parsing.json_text import NOT_JSON, has_more_values, parse_json
from conformance.parsing.json_values import as_object
from conformance.recordings.build import api_of
from conformance.recordings.credentials import KEY_FIELDS, LOGIN_FIELDS, is_secret, secrets_of
from conformance.recordings.secrets import masked_field, masked_query, masked_text
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.client import NO_KEY
from conformance.transport.redact import MIN_LENGTH, is_random, mask_received, mask_text, to_bytes

CANARY: Final = "canary"
"""What is in each credential that the harness makes up: it is no secret, and is shown."""
PROFILE: Final = "gateway"
FIELD: Final = re.compile(rb"(?m)^([^\s:]+)([ \t]*:[ \t]*)([^\r\n]*)")
PATHS: Final = tuple(spec(api).path for api in GENERATIVE)
"""The paths of the APIs between which gateways translate."""
MARKED: Final = re.compile(rb"\(?" + MARKER.pattern)
MOST_BEGUN: Final = 40
"""Characters at the beginning of a text by which it is known."""
MOST_NAME: Final = 200
UNPRINTABLE: Final = re.compile(r"[^\x21-\x7e]")


def nonce_of(x: AcceptedExchange) -> str:
    """The nonce of a request that arrived, or empty."""
    found = marker(request_content(_unnamed(x)))
    return found.nonce if found else ""


def may_be(x: AcceptedExchange, body: bytes) -> bool:
    """Whether a request upstream without a nonce may be the client's with this body: cut, emptied, or with its texts.

    A whole request with none of them is the gateway's own, such as one that tries whether a model responds. Of token
    IDs, any text may be what a gateway made.
    """
    there = [*conversation_texts(_json_object(request_content(_unnamed(x))))]
    sent = [text.encode() for text in conversation_texts(_json_object(body))]
    begun = [MARKED.split(text)[0].strip().decode("utf-8", "ignore")[:MOST_BEGUN] for text in sent]
    return not there or not begun or any(text and text in other for text in begun for other in there)


def is_broken(x: AcceptedExchange) -> bool:
    """Whether a request upstream has a body that is empty, cut, or no JSON for another reason."""
    return x.method == b"POST" and parse_json(request_content(_unnamed(x))) is NOT_JSON


def is_beside(x: AcceptedExchange, url: str) -> bool:
    """Whether a request upstream is no attempt at the one to this URL, but goes to another endpoint beside it.

    Some gateways first have the upstream count tokens, apply its chat template or embed the text that they look up in a
    cache, with the client's text.
    """
    path, wanted = (text.partition("?")[0].rstrip("/") for text in (x.path.decode("latin-1"), url))
    return path.rpartition("/")[2] != wanted.rpartition("/")[2] and not path.endswith(PATHS)


def name_of(x: AcceptedExchange) -> str:
    """Method and path of a request, shortened and without secrets."""
    return f"{x.method.decode('ascii', 'replace')} {_shown(x.path)}"


def _shown(path: bytes) -> str:
    return UNPRINTABLE.sub("?", masked_text(path.decode("latin-1")))[:MOST_NAME]


def _json_object(content: bytes) -> dict[str, Any]:
    """The JSON object of a request; empty for one of so many values that reading it would hold up the upstream."""
    return {} if has_more_values(content, MOST_VALUES) else as_object(parse_json(content))


def _api(method: str, path: str, content: bytes) -> Api:
    return api_of(method, path, lambda: b"" if _json_object(content) == {} else content) or "chat"


def credentials_of(x: AcceptedExchange, known: Collection[str] = ()) -> dict[str, bool]:
    """The credentials that a request brought, and whether each is a key of the API, or something like a session.

    Those that the harness made up are not among them, nor values that are `known`.
    """
    head, _, _ = x.sent.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\n")
    body = _json_object(request_content(_unnamed(x)))
    found = secrets_of(_text(line), tuple(_fields(fields)), (), body, filters=False)
    every = dict.fromkeys(found.others, False) | dict.fromkeys(found.keys, True)
    return {value: is_key for value, is_key in every.items() if not _is_public(value, known)}


def _is_public(value: str, known: Collection[str]) -> bool:
    """Whether the harness made up a credential, or sends the value itself."""
    return CANARY in value.lower() or value in known or value.split()[-1:] == [NO_KEY]


def exchange_of(
    x: AcceptedExchange, upstream: int, key: str | None = None, secrets: Sequence[str] = (), known: Collection[str] = ()
) -> Exchange:
    """The exchange, with the test case of a request to its API. `key` is the client's: the gateway's must be another.

    The client's key is masked wherever it arrived, in any encoding, and `masked` says where. So are the `secrets`, and
    the credentials that the gateway added; `known` are values of header fields that the client sent, which are none.
    """
    unnamed = _unnamed(x)
    content = request_content(unnamed)
    found = marker(content)
    mode: Mode = "stream" if _json_object(content).get("stream") is True else "unary"
    method, path = x.method.decode("ascii", "replace"), x.path.decode("latin-1")
    keys = (key,) if key and len(key) >= MIN_LENGTH else ()
    others = tuple(dict.fromkeys((*secrets, *credentials_of(x, known))))
    sent, leaked = mask_received(x.sent, keys)
    sent, _ = mask_received(sent, others)
    received, _ = mask_received(x.received, (*keys, *others))
    subject = mask_text(_shown(x.path), (*keys, *others))
    return replace(
        unnamed,
        case=CaseId(_api(method, path, content), PROFILE, mode, Kind.RECORDED, subject=subject),
        sent=_without_credentials(sent, known),
        received=received,
        arrivals=x.arrivals,
        sent_at_ns=x.sent_at_ns,
        began_ns=x.began_ns,
        harness_stall_ns=x.stall_ns,
        ending=_ending(x),
        masked=tuple(Span(start, end, "sent") for start, end, _ in leaked),
        hop="upstream",
        nonce=found.nonce if found else "",
        origin=Origin(host=f"upstream {upstream + 1}", source=f"connection {x.connection}, request {x.number + 1}"),
        cache={},
    )


def without(x: Exchange, credentials: Mapping[str, bool]) -> Exchange:
    """An exchange with the gateway, without the gateway's credentials. They are not the client's: `hidden` says so."""
    received, repeated = mask_received(x.received, (*credentials,))
    if not repeated:
        return x
    keys = [value for value, is_key in credentials.items() if is_key]
    leaked: frozenset[Hidden] = frozenset(("upstream-key",)) if mask_received(x.received, keys)[1] else frozenset()
    ending = Ending(x.ending.how, x.ending.phase, x.ending.at_ns, mask_text(x.ending.detail, credentials))
    return replace(x, received=received, hidden=x.hidden | leaked | {"response"}, ending=ending, cache={})


def _unnamed(x: AcceptedExchange) -> Exchange:
    return Exchange(id="", case=CaseId("chat", PROFILE, "unary", Kind.RECORDED), sent=x.sent)


def _ending(x: AcceptedExchange) -> Ending:
    """How the exchange ended; `hung-up` when the gateway left before it was over."""
    if x.ending.how == "hung-up":
        return Ending("hung-up", x.ending.phase, x.peer_at_ns, "the gateway closed the connection")
    return x.ending


def _without_credentials(sent: bytes, known: Collection[str]) -> bytes:
    """The request with the values of secret header fields and query parameters masked, but for public ones."""
    head, end, body = sent.partition(b"\r\n\r\n")
    line, newline, fields = head.partition(b"\n")
    if CANARY.encode() not in line.lower():
        line = to_bytes(masked_query(_text(line)))
    return line + newline + FIELD.sub(lambda found: _field(found, known), fields) + end + body


def _field(found: re.Match[bytes], known: Collection[str]) -> bytes:
    name, value = _text(found[1]), _text(found[3])
    is_credential = name.lower() in (*KEY_FIELDS, *LOGIN_FIELDS, "cookie") or (is_secret(name) and is_random(value))
    if not is_credential or _is_public(value, known):
        return found[0]
    return found[1] + found[2] + to_bytes(masked_field(name, value))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    return ((_text(found[1]), _text(found[3])) for found in FIELD.finditer(head))
