"""What fails once in two is unreliable, not non-conformant; what fails twice is confirmed."""

from collections import Counter
from dataclasses import replace
from tempfile import TemporaryDirectory

import anyio
import pytest

from conformance.judging import judge
from conformance.model.target import Target
from conformance.model.verdict import Level, Status
from conformance.model.words import APIS
from conformance.runner import NullProgress, RunOptions, record
from conformance.selftest import DEFAULT_PROFILES, LIMITS
from conformance.storage.memory import InMemoryRun
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.reply import Mutation, Write
from conformance.testbed.server.serve import serve
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME

LATE_S = 5.0
"""More than the first byte may take here."""


def lost(reply):
    """The connection is closed before any byte of the response."""
    return replace(reply, pieces=(), framing="close", end="abort", head=b"")


def cut(reply):
    """The connection is closed in the middle of the response."""
    return replace(reply, pieces=reply.pieces[: len(reply.pieces) // 2] or (Write(octets=b"{"),), end="abort")


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

    flaky = Mutation(name="flaky", title="Some responses are lost", on_wire=planted)

    async def recorded(path):
        async with serve(DEPLOYMENTS["native-sse"], (flaky,), unix_socket=path) as url:
            target = Target(base_url=url, model="reference", apis=APIS)
            store = InMemoryRun()
            wanted = RunOptions(
                target=target, profiles=DEFAULT_PROFILES, limits=LIMITS, unix_socket=path, concurrency=4, **options
            )
            facts = await record(wanted, store, NullProgress())
        return facts, store

    with TemporaryDirectory() as folder:
        facts, store = anyio.run(recorded, f"{folder}/server", backend_options=IN_VIRTUAL_TIME)
    return facts, store, judge(facts, store.exchange, store.ids())


def failing(judgement, level=Level.MUST):
    return [v for v in judgement.verdicts if v.status is Status.FAIL and v.level is level]


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


def test_a_stall_that_is_confirmed_shows_the_exchange_that_confirms_it():
    _, store, judgement = run(
        lambda reply: replace(reply, pieces=reply.pieces[:1], end="hold", hold_s=LATE_S),
        lambda _, request: request.mode == "stream" and b'"stop_sequences":[' in request.body,
    )
    (verdict,) = [v for v in failing(judgement) if v.rule == "DLV003"]
    assert 3 in [store.exchange(name).attempt for name in verdict.exchanges]


def test_a_fault_in_a_reply_that_is_lost_again_earlier_is_not_unreliable():
    times = Counter()

    def other_id_then_less(reply):
        times["stop"] += 1
        first, *rest = cut(reply).pieces
        other = [replace(piece, octets=piece.octets.replace(b'"id":"', b'"id":"other-')) for piece in rest]
        return replace(reply, pieces=(first, *(other if times["stop"] == 1 else ())), end="abort")

    _, store, judgement = run(
        other_id_then_less,
        lambda _, request: request.api == "chat" and request.mode == "stream" and b'"stop":[' in request.body,
    )
    (verdict,) = [v for v in failing(judgement) if v.rule == "CHK003"]
    assert store.exchange(f"{verdict.exchanges[0]}.3").is_lost
    assert not verdict.unreliable


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
        whole = b"".join(piece.octets for piece in reply.pieces)
        return replace(reply, pieces=(Write(octets=whole, wait_s=sum(piece.wait_s for piece in reply.pieces)),))

    def is_hit(_, request):
        is_long = request.api == "chat" and b"one to sixty" in request.body and b'"max_tokens":64}' in request.body
        times["long"] += is_long
        return is_long

    _, store, judgement = run(lost_then_buffered, is_hit)
    (verdict,) = [v for v in judgement.verdicts if (v.rule, v.probe) == ("DLV001", "chat.long")]
    assert store.exchange("chat.long-openai-python-stream.2").received
    assert verdict.status is Status.UNTESTABLE
