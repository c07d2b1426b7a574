"""What fails once in two is unreliable, not non-conformant; what fails twice is confirmed."""

import asyncio
from collections import Counter
from dataclasses import replace
from tempfile import TemporaryDirectory

import anyio
import pytest

from conformance.judging import judge
from conformance.model.marker_words import BURST_WORDS
from conformance.model.target import Target
from conformance.model.verdict import Level, Status
from conformance.model.words import CONVERSATIONAL, MODES
from conformance.own_load import STILL_BUSY
from conformance.parsing import http1
from conformance.runner import NullProgress, RunOptions, record
from conformance.selftest import DEFAULT_PROFILES, LIMITS
from conformance.storage.memory import InMemoryRun
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.reply import Mutation, Write
from conformance.testbed.server.serve import serve
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.limits import Limits

LATE_S = 5.0
"""More than the first byte may take here."""


def lost(reply):
    """The connection is closed before any byte of the response."""
    return replace(reply, pieces=(), framing="close", end="abort", head=b"")


def cut(reply):
    """The connection is closed in the middle of the response."""
    return replace(reply, pieces=reply.pieces[: len(reply.pieces) // 2] or (Write(data=b"{"),), end="abort")


def late(reply):
    """The first byte comes too late."""
    first, *rest = reply.pieces
    return replace(reply, pieces=(replace(first, wait_s=first.wait_s + LATE_S), *rest))


def run(change, is_hit, **options):
    """A gate run against the reference, with the change in the responses to the requests that are hit."""
    served = []

    def planted(reply, request):
        served.append(request)
        return change(reply) if request.path != "/metrics" and is_hit(len(served), request) else reply

    return run_on_wire(planted, **options)


def run_on_wire(on_wire, **options):
    """A gate run against the reference, with this change to its replies."""
    changed = Mutation(name="changed", title="Some replies are changed", on_wire=on_wire)

    async def recorded(path):
        async with serve(DEPLOYMENTS["native-sse"], (changed,), unix_socket=path) as url:
            target = Target(base_url=url, model="reference", apis=CONVERSATIONAL)
            store = InMemoryRun()
            usual = {"profiles": DEFAULT_PROFILES, "limits": LIMITS, "concurrency": 4}
            wanted = RunOptions(target=target, unix_socket=path, **usual | options)
            facts = await record(wanted, store, NullProgress())
        return facts, store

    with TemporaryDirectory() as folder:
        facts, store = anyio.run(recorded, f"{folder}/server", backend_options=IN_VIRTUAL_TIME)
    return facts, store, judge(facts, store.exchange, store.ids())


def failing(judgement, level=Level.MUST):
    return [v for v in judgement.verdicts if v.status is Status.FAIL and v.level is level]


@pytest.mark.verify
@pytest.mark.parametrize(("change", "first"), [(lost, 20), (cut, 41), (late, 3), (lost, 5)])
def test_a_target_that_spoils_one_reply_in_fifty_fails_no_must_and_is_unreliable(change, first):
    facts, store, judgement = run(change, lambda number, _: number % 50 == first)
    later = sorted((x for x in map(store.exchange, store.ids()) if x.attempt > 1), key=lambda x: x.attempt)
    assert later
    assert not any(x.is_lost for x in {x.case: x for x in later}.values())
    assert {x.id for x in later} <= set(facts.planned)
    assert failing(judgement) == []
    unreliable = [v for v in failing(judgement, Level.SHOULD) if v.unreliable]
    assert unreliable
    for verdict in unreliable:
        assert any(store.exchange(name).attempt > 1 for name in verdict.exchanges)


def test_a_reply_that_is_lost_in_each_attempt_fails_the_must():
    _, store, judgement = run(lost, lambda _, request: b"stop_sequences" in request.body)
    later = [x for x in map(store.exchange, store.ids()) if x.attempt > 1]
    assert {x.attempt for x in later} == {2, 3}
    assert all(x.is_lost for x in later)
    assert "HTTP001" in {v.rule for v in failing(judgement)}


@pytest.mark.verify
def test_a_reply_that_is_lost_twice_is_unreliable_and_the_other_rules_judge_the_third():
    times = Counter()

    def is_hit(_, request):
        times[request.body] += 1
        return b"stop_sequences" in request.body and times[request.body] <= 2

    _, store, judgement = run(lost, is_hit)
    assert {x.attempt for x in map(store.exchange, store.ids())} == {1, 2, 3}
    assert failing(judgement) == []
    subject = [v for v in judgement.verdicts if v.probe == "messages.witness.stop_sequences"]
    assert {v.rule for v in subject if v.status is Status.FAIL} == {"HTTP001"}
    assert {v.rule for v in subject if v.status is Status.UNTESTABLE} == set()
    assert {"MSG001", "FLD014"} & {v.rule for v in subject if v.status is Status.PASS}


@pytest.mark.verify
def test_a_stall_that_is_confirmed_shows_the_exchange_that_confirms_it():
    _, store, judgement = run(
        lambda reply: replace(reply, pieces=reply.pieces[:1], end="hold", hold_s=LATE_S),
        lambda _, request: request.mode == "stream" and b'"stop_sequences":[' in request.body,
    )
    (verdict,) = [v for v in failing(judgement) if v.rule == "DLV003"]
    assert 3 in [store.exchange(name).attempt for name in verdict.exchanges]


@pytest.mark.verify
def test_a_fault_in_a_reply_that_is_lost_again_earlier_is_not_unreliable():
    times = Counter()

    def other_id_then_less(reply):
        times["stop"] += 1
        first, *rest = cut(reply).pieces
        other = [replace(piece, data=piece.data.replace(b'"id":"', b'"id":"other-')) for piece in rest]
        return replace(reply, pieces=(first, *(other if times["stop"] == 1 else ())), end="abort")

    _, store, judgement = run(
        other_id_then_less,
        lambda _, request: request.api == "chat" and request.mode == "stream" and b'"stop":[' in request.body,
    )
    (verdict,) = [v for v in failing(judgement) if v.rule == "CHK003"]
    assert store.exchange(f"{verdict.exchanges[0]}.3").is_lost
    assert not verdict.unreliable


@pytest.mark.verify
def test_a_preflight_request_that_is_lost_is_sent_again():
    facts, store, judgement = run(lost, lambda number, _: number == 1)
    assert sum(x.case.kind == "preflight" for x in map(store.exchange, store.ids())) == 4
    assert not any(dialect.unknown for dialect in facts.dialects.values())
    assert failing(judgement) == []


def test_a_preflight_that_fails_twice_says_that_the_dialect_is_not_known():
    facts, _, judgement = run(lost, lambda number, request: b"Say hello" in request.body and len(request.body) < 100)
    assert "was lost" in facts.dialects["chat"].unknown
    assert "HTTP001" in {v.rule for v in failing(judgement)}


def test_a_target_that_loses_everything_but_the_first_requests_is_not_asked_for_long():
    _, store, judgement = run(lost, lambda number, _: number > 6)
    later = [x for x in map(store.exchange, store.ids()) if x.attempt > 1]
    assert 6 <= len(later) <= 60
    assert "HTTP001" in {v.rule for v in failing(judgement)}


def test_confirmations_stay_within_the_bounds_of_a_run():
    facts, store, _ = run(lost, lambda number, _: number % 10 == 3, max_requests=60)
    assert len(store.ids()) <= 60
    assert sorted(store.ids()) == sorted({*facts.planned} - {*facts.left_out})


def test_a_rule_about_time_does_not_accuse_of_the_only_response_that_arrived():
    times = Counter()

    def lost_then_buffered(reply):
        if times["long"] == 1:
            return lost(reply)
        whole = b"".join(piece.data for piece in reply.pieces)
        return replace(reply, pieces=(Write(data=whole, wait_s=sum(piece.wait_s for piece in reply.pieces)),))

    def is_hit(_, request):
        is_long = request.api == "chat" and b"one to sixty" in request.body and b'"max_tokens":64}' in request.body
        times["long"] += is_long
        return is_long

    _, store, judgement = run(lost_then_buffered, is_hit)
    (verdict,) = [v for v in judgement.verdicts if (v.rule, v.probe) == ("DLV001", "chat.long")]
    assert store.exchange("chat.long-openai-python-stream.2").received
    assert verdict.status is Status.UNTESTABLE


PATIENT = Limits(timeout_s=8.0, silence_s=3.0, post_response_s=0.02)
"""As usual, a response may take as long to begin as to end."""


def one_worker(uncapped_s, modes=MODES):
    """A server that serves one request at a time, also when its client has disconnected; a stream begins at once.

    It generates steadily, and without a token cap for `uncapped_s`.
    """
    free_at = 0.0

    def queued(reply, request):
        nonlocal free_at
        if request.method != "POST" or reply.status != 200:
            return reply
        now = asyncio.get_running_loop().time()
        head, rest = (reply.pieces[:1], reply.pieces[1:]) if request.mode == "stream" else ((), reply.pieces)
        longer_s = uncapped_s / len(rest) if request.mode in modes and b'"max_' not in request.body else 0.0
        steady = [replace(piece, wait_s=piece.wait_s + longer_s) for piece in rest]
        queue_s = max(0.0, free_at - now)
        free_at = now + queue_s + sum(piece.wait_s for piece in steady)
        return replace(reply, pieces=(*head, replace(steady[0], wait_s=steady[0].wait_s + queue_s), *steady[1:]))

    return queued


def smallest_again(store):
    """The preflight's smallest request, sent again after the harness gave up on others."""
    return [x for x in map(store.exchange, store.ids()) if x.case.kind == "preflight" and x.attempt > 1]


def confirming(store):
    return [x for x in map(store.exchange, store.ids()) if x.case.kind != "preflight" and x.attempt > 1]


@pytest.mark.parametrize("uncapped_s", [4.0, pytest.param(6.0, marks=pytest.mark.verify)])
def test_a_server_with_one_worker_is_asked_again_when_it_is_free(uncapped_s):
    facts, store, judgement = run_on_wire(one_worker(uncapped_s), limits=PATIENT)
    assert failing(judgement) == []
    assert STILL_BUSY not in facts.left_out.values()
    assert all(http1.reply(x).status == 200 for x in smallest_again(store))
    assert {x.api for x in confirming(store)} == {x.api for x in smallest_again(store)}
    assert not any(x.is_lost for x in {x.case: x for x in confirming(store)}.values())


def test_a_server_that_is_still_busy_with_our_own_requests_is_not_accused_of_them_nor_conformant():
    facts, store, judgement = run_on_wire(one_worker(20.0, ("unary",)), limits=PATIENT)
    assert failing(judgement) == []
    assert [x.ending.how for x in smallest_again(store)] == ["timeout"] * len({x.api for x in smallest_again(store)})
    assert confirming(store) == []
    assert STILL_BUSY in facts.left_out.values()
    assert facts.incomplete
    assert any("still have been busy" in v.message for v in judgement.verdicts if v.rule == "DLV003")


@pytest.mark.verify
def test_a_server_that_hangs_on_some_requests_and_serves_others_is_accused_of_those_that_were_sent_again():
    def hanging(reply, request):
        is_hit = request.mode == "stream" and b'"stop' in request.body
        return replace(reply, pieces=reply.pieces[:1], end="hold", hold_s=LATE_S) if is_hit else reply

    _, store, judgement = run_on_wire(hanging)
    assert len([x for x in map(store.exchange, store.ids()) if x.is_given_up]) > 3
    accused = [v for v in failing(judgement) if v.rule == "DLV003"]
    assert accused
    for verdict in accused:
        assert store.exchange(f"{verdict.exchanges[0]}.3").is_given_up


def hanging_from(is_first):
    """A server that never responds again, from the first request of which this is true."""
    since = []

    def stuck(reply, request):
        since.extend([request] if since or is_first(request) else [])
        return replace(reply, pieces=(), head=b"", end="hold", hold_s=600.0) if since else reply

    return stuck


def test_a_server_that_hangs_for_good_after_a_long_request_may_be_busy_and_the_run_is_incomplete():
    facts, store, judgement = run_on_wire(hanging_from(lambda request: b'"max_' not in request.body and request.json))
    assert {x.ending.how for x in smallest_again(store)} == {"timeout"}
    assert failing(judgement) == []
    assert facts.incomplete


@pytest.mark.verify
def test_a_server_that_hangs_for_good_after_short_requests_is_not_busy():
    facts, store, judgement = run_on_wire(
        hanging_from(lambda request: BURST_WORDS[0].encode() in request.body), limits=PATIENT
    )
    assert {x.ending.how for x in smallest_again(store)} == {"timeout"}
    assert STILL_BUSY not in facts.left_out.values()
    assert "HTTP001" in {v.rule for v in failing(judgement)}


@pytest.mark.verify
def test_a_target_on_which_nothing_was_given_up_gets_no_further_request_of_the_preflight():
    _, store, _ = run(lost, lambda number, _: number % 50 == 20)
    assert confirming(store)
    assert smallest_again(store) == []
