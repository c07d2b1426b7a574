"""Credentials in requests on both sides of a gateway: where they are, and whose they are."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair, Span, cached_reader
from conformance.model.target import Policy

FIELD: Final = re.compile(rb"(?m)^([^:\s]+):[ \t]*([^\r\n]*)")
CARRIERS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization")
"""Header fields that hold a credential of an API."""
PARAMETERS: Final = ("key", "api_key", "api-key", "apikey", "token", "access_token")
"""Parameters of a query that do."""
COOKIE: Final = "cookie"
CANARY: Final = re.compile(r"[\w.-]*canary[\w.-]*")
"""A credential that the harness made up, which no recording masks."""
BASELINES: Final = Compare(Kind.BASELINE, many=True, any_profile=True, any_mode=True, optional=True)

Key = Literal["own", "client", "none", ""]
"""Whose credential the upstream gets; `none`: requests have none; empty: nothing arrived that shows it."""


class SentField(NamedTuple):
    """A header field of a request, or a parameter of its query: its name in lower case, and where it is."""

    name: str
    value: str
    span: Span

    @property
    def word(self) -> str:
        """The value without an authentication scheme."""
        return self.value.split()[-1] if self.value.strip() else ""

    @property
    def is_hidden(self) -> bool:
        """Whether a mask hides it."""
        return bool(self.word) and not self.word.strip("*")

    def holds(self, span: Span) -> bool:
        """Whether a run of bytes lies within the field."""
        return self.span.start <= span.start and span.end <= self.span.end


@cached_reader
def fields_sent(x: Exchange) -> tuple[SentField, ...]:
    """The header fields of a request, in order."""
    head = x.sent.partition(b"\r\n\r\n")[0]
    start = head.find(b"\r\n") + 2
    return tuple(
        SentField(found[1].decode("latin-1").lower(), found[2].decode("latin-1").strip(), _sent(found.span()))
        for found in FIELD.finditer(head, max(start, 2))
    )


def _sent(at: tuple[int, int]) -> Span:
    return Span(*at, "sent")


@cached_reader
def credentials(x: Exchange) -> tuple[SentField, ...]:
    """The credentials of a request in its header and its query, without cookies."""
    in_header = (field for field in fields_sent(x) if field.name in CARRIERS and field.value)
    return (*in_header, *(field for field in _parameters(x) if field.name in PARAMETERS))


def _parameters(x: Exchange) -> Iterator[SentField]:
    line = x.sent.partition(b"\r\n")[0]
    query = urlsplit(line.decode("latin-1").split(" ")[1] if line.count(b" ") > 1 else "").query
    for name, value in parse_qsl(query):
        yield SentField(name.lower(), value, Span(0, len(line), "sent"))


@cached_reader
def made_up(x: Exchange) -> frozenset[str]:
    """The credentials in a client's request that the harness made up, cookies included."""
    cookies = (field for field in fields_sent(x) if field.name == COOKIE)
    return frozenset(word for field in (*credentials(x), *cookies) for word in CANARY.findall(field.value))


def has_another_credential(x: Exchange) -> bool:
    """Whether a client's request has only credentials that the harness made up: those of a client that does not exist."""
    found = credentials(x)
    return bool(found) and all(CANARY.search(field.value) for field in found)


def is_clients(field: SentField, arrived: Exchange, client: Exchange) -> bool:
    """Whether a credential that arrived upstream is the client's: its key, or another one that it sent.

    A mask tells of the client's own key where it is. What else it hides may be a placeholder that the client sent in the
    same field, if the length is the same.
    """
    if any(map(field.holds, arrived.masked)):
        return True
    sent = [other for other in credentials(client) if not other.is_hidden]
    if field.is_hidden:
        return any((other.name, len(other.value)) == (field.name, len(field.value)) for other in sent)
    return field.word in {other.word for other in sent}


def key_upstream(pairs: Iterable[Pair], policy: Policy) -> Key:
    """Whose credential the upstream gets, as the policy says, or else as the requests show."""
    if policy.gateway.key:
        return policy.gateway.key
    seen: Key = ""
    for client, upstream in pairs:
        for arrived in upstream:
            seen = seen or "none"
            for field in credentials(arrived):
                if not is_clients(field, arrived, client):
                    return "own"
                seen = "client"
    return seen


def own_credentials(pairs: Iterable[Pair]) -> Iterator[SentField]:
    """The gateway's own credentials that arrived upstream."""
    for client, upstream in pairs:
        for arrived in upstream:
            yield from (field for field in credentials(arrived) if not is_clients(field, arrived, client))


def place_of(arrived: Exchange, at: int) -> str:
    """What holds a byte of a request, in words."""
    for field in fields_sent(arrived):
        if field.span.start <= at < field.span.end:
            return field.name
    return "the path" if at < arrived.sent.find(b"\r\n") else "the body"


def all_pairs(x: Exchange, upstream: tuple[Exchange, ...], others: Sequence[Pair]) -> tuple[Pair, ...]:
    """A judged pair and those that it is compared with."""
    return (Pair(x, upstream), *others)
