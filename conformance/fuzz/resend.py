"""Send one request again: a body that fuzzing found, or a recorded request."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from conformance.apis.specs import spec
from conformance.apis.websocket import sent_events
from conformance.fuzz.case import Case
from conformance.fuzz.session import Session, opened
from conformance.judging import Judgement
from conformance.model.case import Kind, named_case
from conformance.model.exchange import Exchange, Request
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.words import Api, Mode
from conformance.plan import KEY_HEADERS
from conformance.runner import RunOptions
from conformance.transport.client import NO_KEY, PLACEHOLDER

NOT_ALONE = (Kind.PREFLIGHT, Kind.BURST, Kind.DISCONNECT, Kind.AFTER_DISCONNECT, Kind.LOAD, Kind.KEEP_ALIVE)
"""Test cases that are about more than a request and its complete response."""
FRAMING = ("host", "content-length")
MASK = "*"


class Resent(NamedTuple):
    """The exchanges before the one that was sent again, that one last, and the verdicts."""

    facts: RunManifest
    judgement: Judgement
    exchanges: dict[str, Exchange]


def case_of(probe: str, mode: Mode, body: bytes) -> tuple[Api, Case]:
    """The API and the case with this name. Raises ValueError."""
    case = named_case(probe, "", mode)
    return case.api, Case(case.kind, case.subject, case.variant, mode, body)


def resend(options: RunOptions, api: Api, case: Case) -> Resent:
    """Send the preflight, the baseline requests of an API and the case, and judge the responses."""
    return _after_baselines(options, api, lambda session: session.send_case(api, case))


def replay(options: RunOptions, request: Request) -> Resent:
    """The same with a request as it was recorded."""
    return _after_baselines(options, request.cases[0].api, lambda session: session.send(request))


def _after_baselines(options: RunOptions, api: Api, send: Callable[[Session], Exchange]) -> Resent:
    """Nothing is sent after the preflight if the target is unreachable or rejects the key."""
    with opened(replace(options, profiles=(spec(api).base_profile,))) as session:
        session.send_preflight()
        stopped, why = session.mistake
        exchanges = {x.id: x for x in session.preflight}
        if not stopped:
            session.send_baselines()
            exchanges |= session.exchanges(api, send(session))
        facts = session.facts(tuple(exchanges), stopped=stopped, stopped_why=why)
        return Resent(facts, session.judgement(exchanges), exchanges)


def recorded_request(x: Exchange, recorded: Target, target: Target) -> Request:
    """The request of an exchange with the recorded target, to be sent to a target: same path below its base URL, same
    headers and body, with that target's key and headers where secrets are masked. Raises ValueError.
    """
    if x.case.kind in NOT_ALONE or (x.case.kind is Kind.WEBSOCKET and sent_events(x)):
        raise ValueError(f"{x.id} shows nothing on its own; accepted: an exchange of another test case")
    head, _, body = x.sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    path, base = rest.rpartition(" ")[0], urlsplit(recorded.base_url).path.rstrip("/")
    if not path.startswith(base):
        raise ValueError(f"{x.id} was not sent to a path below {recorded.base_url}")
    return Request(
        id=f"{x.id}-again",
        cases=(x.case, *x.merged_cases),
        method=method,
        url=target.base_url.rstrip("/") + path.removeprefix(base),
        headers=tuple(_headers(lines, recorded, target)),
        body=body,
    )


def _headers(lines: list[str], recorded: Target, target: Target) -> Iterator[tuple[str, str]]:
    """The recorded headers, without those of the recorded target, and with the key where it was; then the target's."""
    own = {name.lower() for name in (*recorded.headers, *target.headers)}
    for line in lines:
        name, _, value = line.partition(": ")
        if name.lower() in (*FRAMING, *own):
            continue
        if name.lower() in KEY_HEADERS and value.endswith((MASK, NO_KEY)):
            yield name, value.removesuffix(NO_KEY).rstrip(MASK) + PLACEHOLDER
        elif MASK * 3 not in value:
            yield name, value
    yield from target.headers.items()
