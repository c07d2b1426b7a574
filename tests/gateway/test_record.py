"""A run through a gateway, and through hostile ones: it always ends in a verdict, and nothing is accused by chance."""

import asyncio
import json
import re

import anyio
import pytest

from conformance.apis.nonce import marker
from conformance.gateway import record
from conformance.gateway.record import AddressError, GatewayOptions, record_through
from conformance.model.target import Target
from conformance.model.verdict import Status
from conformance.report.headline import not_tested
from conformance.runner import RunOptions
from conformance.storage.memory import InMemoryRun
from conformance.transport.limits import Limits

NOT_FOUND = b'{"error":{"message":"No such path.","type":"invalid_request_error","param":null,"code":null}}'


def answer(status, body, *lines):
    """A JSON response in bytes."""
    fields = ("content-type: application/json", f"content-length: {len(body)}", *lines)
    return "\r\n".join((f"HTTP/1.1 {status} X", *fields, "", "")).encode() + body


def saying(*pieces, hold=False):
    """A gateway that answers without its upstream."""

    async def gateway(reader, writer, _ports):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if hold:
            await reader.read()

    return gateway


def failing(run):
    return sorted({v.rule for v in run.judgement.verdicts if v.status is Status.FAIL and v.rule.startswith("GW")})


def errors(run):
    return [v for v in run.judgement.verdicts if v.status is Status.ERROR]


def test_both_sides_of_each_request_are_recorded(gw):
    run = gw.through(gw.passed_on)
    assert (run.facts.stopped, run.facts.left_out, run.facts.gateway.unfinished) == ("", {}, False)
    assert sorted(x.id for x in run.clients) == sorted(run.facts.planned)
    assert {x.nonce for x in run.upstream} == {x.nonce for x in run.clients}
    assert (failing(run), errors(run)) == ([], [])


# Nothing arrives


@pytest.mark.parametrize(
    ("gateway", "stopped", "said"),
    [
        (saying(answer(404, NOT_FOUND)), "set-up", r"offers none of the requested APIs \(chat: HTTP 404"),
        (saying(answer(401, NOT_FOUND)), "key-refused", r"HTTP 401: .*No such path"),
        (
            saying(
                answer(404, b'{"error":{"message":"The model `reference` does not exist","code":"model_not_found"}}')
            ),
            "set-up",
            r"does not serve the model .reference.",
        ),
        (
            saying(answer(502, NOT_FOUND)),
            "set-up",
            r"No request arrived upstream: the gateway at http\S+ responded with HTTP 502 .No such path\..\. Configure",
        ),
        (
            saying(answer(200, b'{"choices":[]}')),
            "set-up",
            r"responded with HTTP 200, so it forwards elsewhere, or responds from a cache\. Configure it to forward",
        ),
        (saying(b"220 mail.example ESMTP\r\n"), "set-up", r"sent no response of HTTP/1\.1 \(closed"),
        (saying(b"\x15\x03\x01\x00\x02\x02\x16"), "set-up", "expects TLS, not plain HTTP"),
    ],
)
def test_a_gateway_that_forwards_nothing_is_not_tested_and_what_it_said_is_told(gw, gateway, stopped, said):
    run = gw.through(gateway, wait_s=0.2)
    assert run.facts.stopped == stopped
    assert re.search(said, not_tested(run.facts))
    assert run.upstream == []


def test_a_gateway_that_does_not_answer_is_not_waited_for_longer_than_said(gw):
    run = gw.through(saying(hold=True), wait_s=0.3)
    assert run.facts.stopped == "set-up"
    assert "did not respond within 0.3 s" in run.facts.stopped_why
    assert run.facts.duration_s < 15


def test_a_gateway_that_is_not_there_is_told_as_such(gw):
    run = gw.through(None, wait_s=0.2)
    assert run.facts.stopped == "unreachable"
    assert "the connection was refused" in run.facts.stopped_why


def test_an_answer_without_the_upstream_is_not_asked_for_again(gw):
    asked = []

    async def gateway(reader, writer, _ports):
        asked.append(await gw.read_request(reader))
        writer.write(answer(200, b'{"choices":[]}'))

    assert gw.through(gateway, wait_s=30.0).facts.stopped == "set-up"
    assert len(asked) == 1


def test_requests_that_lost_their_marker_are_named(gw):
    async def gateway(reader, writer, ports):
        request = await gw.read_request(reader)
        mark = str(marker(request)).encode()
        await gw.passed_on(reader, writer, ports, request.replace(mark, b"x" * len(mark)))

    run = gw.through(gateway, wait_s=0.2)
    assert run.facts.stopped == "set-up"
    assert "other requests arrived there (1 × POST /v1/chat/completions)" in run.facts.stopped_why


def test_a_gateway_that_starts_late_is_waited_for(gw):
    tried = []

    async def gateway(reader, writer, ports):
        tried.append(1)
        if len(tried) < 3:
            await gw.read_request(reader)
            writer.write(answer(503, NOT_FOUND))
        else:
            await gw.passed_on(reader, writer, ports)

    run = gw.through(gateway, wait_s=60.0)
    assert run.facts.stopped == ""
    assert failing(run) == []
    assert [len({x.nonce for x in side}) for side in (run.clients, run.upstream)] == [len(run.clients)] * 2


def test_a_port_that_is_taken_is_an_error_of_its_own(gw):
    async def twice():
        async with gw.upstream() as (running, _):
            target = Target(base_url="http://127.0.0.1:9/v1", model="m", apis=("chat",))
            options = GatewayOptions(run=RunOptions(target=target, profiles=("hermes",)), ports=running.ports)
            with pytest.raises(AddressError, match="in use"):
                await record_through(options, InMemoryRun())

    anyio.run(twice)


# What is offered, and how much is sent


def test_an_api_that_the_gateway_does_not_offer_is_not_applicable(gw):
    async def gateway(reader, writer, ports):
        request = await gw.read_request(reader)
        if b"/messages" in request.partition(b"\r\n")[0]:
            writer.write(answer(404, NOT_FOUND, "connection: close"))
        else:
            await gw.passed_on(reader, writer, ports, request)

    run = gw.through(gateway, apis=())
    assert run.facts.stopped == ""
    assert run.judgement.absent.keys() == {"messages"}
    sent = [x.id for x in run.clients if x.api == "messages"]
    assert {name.partition(".hello-")[0] for name in sent} == {"messages"}
    assert all("HTTP 404" in why for name, why in run.facts.left_out.items() if name.startswith("messages."))
    assert {v.status for v in run.judgement.verdicts if v.api == "messages"} == {Status.NOT_APPLICABLE}
    assert failing(run) == []


@pytest.mark.verify
def test_budgets_count_every_request(gw):
    assert len(gw.through(gw.passed_on, suite="gate", max_requests=3).clients) == 3
    run = gw.through(gw.passed_on, max_tokens=1)
    assert run.clients == []
    assert set(run.facts.left_out.values()) == {"over --max-tokens 1"}


def test_waiting_stays_within_the_budget(gw):
    run = gw.through(saying(answer(503, NOT_FOUND)), wait_s=30.0, max_requests=2)
    assert run.facts.stopped == "set-up"
    assert run.facts.duration_s < 25


# Hostile gateways


def answering_the_rest(gw, *pieces, hold=False):
    """A gateway that passes the first requests on, and answers the others itself."""
    seen = []

    async def gateway(reader, writer, ports):
        seen.append(1)
        handle = gw.passed_on if len(seen) == 1 else saying(*pieces, hold=hold)
        await handle(reader, writer, ports)

    return gateway


ENDLESS_HEAD = [b"HTTP/1.1 200 OK\r\n", *[b"x-%d: a\r\n" % at * 2000 for at in range(20)]]
ENDLESS_BODY = [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", *[b"data: x\n\n" * 10_000] * 6]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(ENDLESS_HEAD, marks=pytest.mark.verify),
        pytest.param(ENDLESS_BODY, marks=pytest.mark.verify),
        [b"\x00\xff" * 1000],
        [b"HTTP/1.1 100 Continue\r\n\r\n" * 1000],
    ],
)
def test_nonsense_without_end_is_bounded_and_judged(gw, pieces):
    limits = Limits(timeout_s=20.0, post_response_s=0.02, post_error_s=0.05, max_bytes=300_000)
    run = gw.through(answering_the_rest(gw, *pieces, hold=True), suite="gate", limits=limits)
    assert run.facts.stopped == ""
    assert all(len(x.received) <= 300_000 for x in run.clients)
    assert (errors(run), len(run.upstream)) == ([], 1)


def test_a_gateway_that_is_silent_is_asked_a_few_times_only(gw):
    limits = Limits(timeout_s=0.3, post_response_s=0.02)
    run = gw.through(answering_the_rest(gw, hold=True), suite="gate", limits=limits, concurrency=1)
    assert run.facts.incomplete
    assert any("not complete at the timeout" in why for why in run.facts.left_out.values())
    assert errors(run) == []


def test_a_storm_of_retries_is_counted_and_ends(gw, monkeypatch):
    monkeypatch.setattr("conformance.gateway.keeping.MOST_ATTEMPTS", 5)

    async def gateway(reader, writer, ports):
        request = gw.forwarded(await gw.read_request(reader))
        replies = [await gw.exchange(ports[0], request) for _ in range(9)]
        writer.write(replies[-1])

    run = gw.through(gateway)
    assert {len([x for x in run.upstream if x.nonce == one.nonce]) for one in run.clients} == {5}
    assert set(run.facts.gateway.more_requests.values()) == {4}
    assert sorted(x.attempt for x in run.upstream if x.nonce == run.clients[0].nonce) == [1, 2, 3, 4, 5]


def test_a_gateway_that_holds_its_upstream_open_does_not_hold_the_run(gw, monkeypatch):
    monkeypatch.setattr(record, "SETTLE_S", 0.1)
    monkeypatch.setattr(record, "LAST_S", 0.2)

    async def gateway(reader, writer, ports):
        request = await gw.read_request(reader)
        _, held = await asyncio.open_connection("127.0.0.1", ports[0])
        held.write(request[:-1])
        await gw.passed_on(reader, writer, ports, request)
        writer.close()
        try:
            await asyncio.Event().wait()  # until the gateway ends
        finally:
            held.transport.abort()

    run = gw.through(gateway)
    assert run.facts.gateway.unfinished
    held = [x for x in run.upstream if x.ending.phase != "after"]
    assert {x.ending.how for x in held} <= {"hung-up", "interrupted", "closed", "reset"}
    assert len(held) == len(run.clients)
    assert errors(run) == []


def test_garbage_at_the_upstream_is_counted_by_reason(gw):
    async def gateway(reader, writer, ports):
        for garbage in (b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            assert (await gw.exchange(ports[0], garbage)).startswith(b"HTTP/1.1 400 ")
        await gw.passed_on(reader, writer, ports)

    run = gw.through(gateway)
    assert run.facts.gateway.refused == {"not an HTTP/1.1 request": 2 * len(run.clients)}


# Secrets


def test_no_secret_of_either_side_is_kept(gw):
    own, team = "sk-own-9f8e7d6c5b4a3210", "team-0f1e2d3c4b5a6978"

    async def gateway(reader, writer, ports):
        request = gw.forwarded(await gw.read_request(reader))
        request = request.replace(f"Bearer {gw.key}".encode(), f"Bearer {own}".encode())
        request = request.replace(b"\r\n", f"\r\nx-seen: {gw.key}\r\n".encode(), 1)
        received = await gw.exchange(ports[0], request)
        writer.write(received.replace(b"\r\n", f"\r\nx-upstream-key: {own}\r\n".encode(), 1))

    run = gw.through(gateway, headers={"X-Team": team})
    written = b"".join(x.sent + x.received + json.dumps(x.case.subject).encode() for x in run.store.written.values())
    assert not [secret for secret in (own, team, gw.key) if secret.encode() in written]
    assert all(x.masked and x.masked[0].side == "sent" for x in run.upstream)
    assert all(x.hidden == {"response", "upstream-key"} and not x.masked for x in run.clients)
    assert "GW091" in failing(run)
    assert team not in str(run.facts)


def test_a_session_of_the_gateway_s_that_both_sides_see_is_masked_and_is_no_key(gw):
    session = "3f1e0d9c-8b7a-4c5b-9a3d-b2f1c9d87e6a"

    async def gateway(reader, writer, ports):
        request = gw.forwarded(await gw.read_request(reader))
        request = request.replace(f"Bearer {gw.key}".encode(), b"Bearer sk-canary-upstream")
        received = await gw.exchange(ports[0], request.replace(b"\r\n", f"\r\nx-session: {session}\r\n".encode(), 1))
        writer.write(received.replace(b"\r\n", f"\r\nx-session: {session}\r\n".encode(), 1))

    run = gw.through(gateway)
    assert not [x for x in run.store.written.values() if session.encode() in x.sent + x.received]
    assert "GW091" not in failing(run)


# Stopped by the user


def test_what_was_recorded_before_ctrl_c_is_kept_and_accuses_nobody(gw):
    store = InMemoryRun()

    async def gateway(reader, writer, ports):
        if len(store.written) > 3:
            scopes[0].cancel()
        await gw.passed_on(reader, writer, ports)

    scopes, facts = [], []

    async def stopped():
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await record_through(options, store)

    store.write_facts = facts.append
    options = gw.options(gateway, suite="gate", concurrency=1)
    anyio.run(stopped)
    assert facts[-1].stopped == "interrupted"
    run = gw.judged(facts[-1], store)
    assert (failing(run), errors(run)) == ([], [])
    assert 0 < len(run.clients) < len(facts[-1].planned)
