"""The rules about load: what a server that has too much to do may do, and how it is afterwards."""

from dataclasses import replace

import pytest
from populations import FAIL, PASS, RULES, UNTESTABLE, judged, status

from conformance.apis.load_samples import population_of
from conformance.model.exchange import Ending
from conformance.rules.example import JSON, answered, chunk, error, exchange, streamed
from conformance.rules.load.example import (
    AFTER,
    AS_REQUESTED,
    BUSY,
    MS,
    completed,
    of,
    rejected,
    requested_text,
    whole,
)

# Overload


def test_a_used_up_account_and_a_mistake_are_no_overload():
    paid = [rejected(3, turn, status=402) for turn in range(5)]
    wrong = [
        of(answered(error("No such model."), status=404), user, 9, phase, task="mistake")
        for user, phase in ((0, "alone"), (1, "load"), (2, "load"))
    ]
    assert status("LOAD012", *AS_REQUESTED, *paid, *wrong) is PASS


@pytest.mark.parametrize("code", [408, 504, 524])
def test_a_target_that_gives_up_and_says_so_is_late_not_dishonest(code):
    late = [rejected(3, turn, status=code) for turn in range(5)]
    found = judged("LOAD020", (*AS_REQUESTED, *late))
    assert (status("LOAD012", *AS_REQUESTED, *late), found.status) == (PASS, FAIL)
    assert f"have status {code}: the target gave up itself" in found.message
    assert status("LOAD020", rejected(0, 9, "alone", status=code), *AS_REQUESTED, *late) is UNTESTABLE


def test_an_empty_success_is_no_response():
    empty = [of(answered("", mode="stream"), 3, turn) for turn in range(2)]
    found = judged("LOAD012", (*AS_REQUESTED, *empty))
    assert (found.status, "status 200, and no body" in found.message) == (FAIL, True)


def test_a_refused_connection_is_reported_with_its_reason():
    gone = Ending("unreachable", "connect", MS, "127.0.0.1:1: the connection was refused")
    found = judged("LOAD012", (*AS_REQUESTED, *(of(exchange(b"", ending=gone), 3, turn) for turn in range(2))))
    assert (found.status, "the connection was refused" in found.message) == (FAIL, True)


def test_no_target_is_blamed_for_connections_that_were_not_made_while_the_harness_stalled():
    late = Ending("unreachable", "connect", MS, "127.0.0.1:1: no connection within 10 s")
    dropped = [replace(of(exchange(b"", ending=late), 3, turn), harness_stall_ns=10**9) for turn in range(5)]
    assert status("LOAD012", *AS_REQUESTED, *dropped) is PASS


def test_a_harness_without_free_ports_blames_no_target():
    own = Ending("unreachable", "connect", MS, "127.0.0.1:1: [Errno 99] Cannot assign requested address")
    assert status("LOAD012", *AS_REQUESTED, *(of(exchange(b"", ending=own), 3, turn) for turn in range(9))) is PASS


def test_an_error_in_the_middle_of_a_stream_is_honest():
    failed = streamed(chunk({"role": "assistant", "content": "qu"}), error("Overloaded.", "server_error"))
    given = (*AS_REQUESTED, *(of(failed, 3, turn) for turn in range(4)))
    assert [status(rule, *given) for rule in ("LOAD009", "LOAD012", "LOAD015", "LOAD016")] == [PASS] * 4


def test_a_vendor_s_own_header_says_when_to_retry():
    bare = (JSON, ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"))
    assert status("LOAD014", *AS_REQUESTED, rejected(3, headers=bare)) is PASS


# Times and recovery


def test_a_queue_is_no_pause_within_a_stream():
    """One request at a time: the first byte comes late, and then everything."""
    late = [completed(user, 0, arrivals=((20_000, 400), (20_050, 3000))) for user in (1, 2, 3)]
    assert status("LOAD017", *RULES["LOAD017"].good[0], *late) is PASS


def test_a_slow_model_that_shares_its_time_may_pause_for_as_many_times_as_it_has_users():
    alone = [completed(0, turn, "alone", arrivals=((100, 700), (600, 3000))) for turn in range(4)]
    shared = [completed(user, 0, arrivals=((3000, 700), (9000, 3000))) for user in range(1, 9)]
    assert status("LOAD017", *alone, *shared) is PASS


def test_a_target_that_still_rejects_after_the_load_is_not_known_to_be_broken():
    late = [rejected(0, turn, "after", BUSY) for turn in range(10, 14)]
    assert status("LOAD021", *AS_REQUESTED, *late) is UNTESTABLE


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"status": 503}, FAIL),
        ({"status": 429}, UNTESTABLE),
        ({"status": 503, "headers": (JSON,)}, UNTESTABLE),
        ({"status": 503, "headers": (JSON, ("retry-after", "9"))}, UNTESTABLE),
    ],
)
def test_a_target_that_breaks_its_own_word_on_when_to_retry_has_not_recovered(facts, expected):
    """Each request is sent three seconds after the rejection before it."""
    late = [replace(rejected(0, turn, "after", **facts), began_ns=3000 * turn * MS) for turn in range(10, 18)]
    assert status("LOAD021", *AS_REQUESTED, *late) is expected
    assert status("LOAD021", *AS_REQUESTED, *late[:4]) is UNTESTABLE, "it may work for clients that left"
    assert status("LOAD021", *AS_REQUESTED, *late, completed(0, 30, "after")) is PASS


def test_one_failure_after_the_load_may_be_chance():
    assert status("LOAD021", *AS_REQUESTED, *AFTER, rejected(0, 30, "after", status=500)) is UNTESTABLE


def test_both_modes_are_judged_apart_but_know_all_requests():
    given = population_of((*AS_REQUESTED, whole(3), completed(4, text=requested_text(3))))
    groups = dict(given.groups())
    assert {group.mode for group in groups} == {"stream", "unary"}
    (streams,) = (mine for group, mine in groups.items() if group.mode == "stream")
    assert judged("LOAD001", streams).status is FAIL


def test_a_request_that_fails_alone_as_well_is_no_failure_of_the_load():
    failed = [rejected(3, turn, phase, status=400) for turn in range(3) for phase in ("load", "after")]
    assert [status(rule, *AS_REQUESTED, *failed) for rule in ("LOAD012", "LOAD021")] == [UNTESTABLE, UNTESTABLE]


def test_a_member_that_one_replica_of_three_leaves_out_is_not_attributed_to_the_load():
    alone = [completed(0, turn, "alone", zone="a") for turn in range(3)]
    load = [completed(user, turn, **({} if turn % 3 else {"zone": "a"})) for user in (1, 2) for turn in range(9)]
    repeated = [completed(1, turn, "after", **({} if turn % 3 else {"zone": "a"})) for turn in range(3)]
    assert status("LOAD007", *alone, *load, *repeated) is PASS
    assert status("LOAD007", *alone, completed(1), completed(2, zone="a"), completed(3, zone="a")) is UNTESTABLE
