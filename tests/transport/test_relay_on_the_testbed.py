"""Every deployment, defect and legal variant through the relay: the same bytes arrive, and get the same verdicts."""

import contextlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import catalogue, selftest
from conformance.model.verdict import Status
from conformance.recordings.entry import Entry
from conformance.recordings.proxied import entry_of
from conformance.testbed.mutations import changes
from conformance.testbed.server import raw_server
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.traffic import outcomes
from conformance.transport.limits import Limits
from conformance.transport.relay import relaying
from conformance.transport.upstream import upstream

MATRIX = json.loads((Path(__file__).parents[1] / "kill_matrix.json").read_text())
CHANGES = (*changes.variants(), *changes.defects())
TCP = [change.name for change in CHANGES if change.needs_tcp]
ENDS = {
    change.caught_by: change.name
    for change in changes.defects()
    if change.caught_by.startswith(("HTTP", "DLV", "LIFE"))
}
"""One defect for each rule about framing, delivery, disconnects and the end of a connection."""
SAMPLE = {*TCP[:1], *list(ENDS.values())[::30], *(change.name for change in changes.variants()[::120])}
MASK = ord("*")
MASKED = ("wrong-key-echoed", "upstream-key-shown")
"""Defects that show a key that is not the harness's own: the recording of the relay masks whatever is a key."""


@contextlib.asynccontextmanager
async def behind_a_relay(deployment, planted, *, unix_socket, key, passed):
    """As `serve`, with a relay in between."""
    hidden = f"{unix_socket}-hidden" if unix_socket else None
    async with selftest_serve(deployment, planted, unix_socket=hidden, key=key) as url:
        address = upstream(url, unix_socket=hidden)
        limits = Limits(post_response_s=0.02)
        async with relaying(address, on_exchange=passed.append, unix_socket=unix_socket, limits=limits) as relay:
            yield url if unix_socket else f"http://127.0.0.1:{relay.port}/v1"


selftest_serve = selftest.serve


def is_of(received, written, *, whole):
    """Whether bytes are those written, or begin them; secrets are masked."""
    if len(received) != len(written) if whole else len(received) > len(written):
        return False
    return written.startswith(received) or all(
        got in (ours, MASK) for got, ours in zip(received, written, strict=False)
    )


def check_recording_of(passed, received):
    """What the relay recorded of an exchange fails the same rules as what the harness did, which sent the request."""
    entry = entry_of(passed, "testbed")
    if not isinstance(entry, Entry) or entry.exchange.ending.how == "interrupted":
        return
    mine = entry.exchange
    for x in received:
        if request_of(x) == request_of(mine) and is_of(mine.received, x.received, whole=True):
            assert failing(mine) == failing(replace(x, case=mine.case, cache={})), (x.id, x.ending, mine.ending)


def request_of(x):
    """The bytes sent, but for Host: over TCP, relay and server have different ports."""
    return re.sub(rb"\r\nHost: [^\r]*", b"", x.sent, count=1)


def failing(x):
    return [rule.id for rule, outcome in outcomes(x, catalogue.installed()) if outcome.status is Status.FAIL]


@pytest.mark.parametrize(
    "name",
    [
        change.name if change.name in SAMPLE else pytest.param(change.name, marks=pytest.mark.verify)
        for change in CHANGES
    ],
)
def test_its_bytes_and_its_verdicts_are_the_same_through_the_relay(recorded_once, monkeypatch, name):
    written, passed = [], []
    as_written = raw_server.writes

    def writes(*args, **options):
        pieces = as_written(*args, **options)
        written.append(b"".join(piece.data for piece in pieces))
        return pieces

    def relayed(deployment, planted, *, unix_socket, key):
        return behind_a_relay(deployment, planted, unix_socket=unix_socket, key=key, passed=passed)

    deployment, change, policy, _ = selftest.subject(name)
    reused = recorded_once(deployment, policy, "gate", change.apis).exchanges
    monkeypatch.setattr(raw_server, "writes", writes)
    monkeypatch.setattr(selftest, "serve", relayed)
    run = selftest.run_subject(name, "gate", recorded_once)
    row = selftest.summarize(name, run)
    assert {"must": list(row.must), "should": list(row.should)} == MATRIX[name]["gate"]
    received = [x for x in run.exchanges.values() if x.id not in reused or x is not reused[x.id]]
    assert passed or not received
    for x in received:
        whole = x.ending.how == "closed"  # else the harness may have left before the last byte
        assert not x.received or any(is_of(x.received, each, whole=whole) for each in written), (x.id, x.ending)
    for seen in passed if name not in MASKED else ():
        check_recording_of(seen, received)


@pytest.mark.parametrize(
    "name", [name if name == "native-sse" else pytest.param(name, marks=pytest.mark.verify) for name in DEPLOYMENTS]
)
def test_a_deployment_has_the_same_verdicts_through_the_relay(recorded_once, monkeypatch, name):
    passed = []

    def relayed(deployment, planted, *, unix_socket, key):
        return behind_a_relay(deployment, planted, unix_socket=unix_socket, key=key, passed=passed)

    policy = selftest.POLICIES.get(name, selftest.Policy())
    direct = recorded_once(name, policy, "gate").judgement
    monkeypatch.setattr(selftest, "serve", relayed)
    run = selftest.run_change(name, None, policy, suite="gate")
    assert verdicts(run.judgement) == verdicts(direct)
    assert len(passed) >= len(run.exchanges)


def verdicts(judgement):
    """All verdicts, but for requests with a disconnect: after which read it happens, not only bytes decide."""
    return [(v.rule, v.case, v.status) for v in judgement.verdicts if v.case.kind not in selftest.DISCONNECTED]
