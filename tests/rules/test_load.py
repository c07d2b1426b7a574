"""The rules about load: what is not the load's fault, what is chance, and what a server may do when many use it."""

from dataclasses import replace
from functools import reduce

import msgspec
import pytest
from populations import FAIL, MOOT, PASS, RULES, UNTESTABLE, changed, judged, status

from conformance.apis.load_prompts import UserTurn
from conformance.apis.load_samples import population_of
from conformance.handbook.examples import sides
from conformance.model.exchange import Arrival, Ending
from conformance.model.sample import Population
from conformance.rules.example import answered, chunk, completion, streamed
from conformance.rules.load.example import (
    AFTER,
    ALONE,
    AS_REQUESTED,
    MS,
    NO_BYTE,
    OTHERS,
    completed,
    cut,
    nonce,
    of,
    rejected,
    requested_text,
    usage,
    whole,
    with_header,
)

MANY = tuple(completed(user, turn, began_ms=10 * turn) for user in (1, 2) for turn in range(100, 150))
EVERY_BAD = [
    pytest.param(rule, example, id=f"{rule.id}-{at}") for rule in RULES.values() for at, example in enumerate(rule.bad)
]


def damaged(user, turn=0, phase="load", **facts):
    parts = requested_text(user, turn).split(", ")
    return completed(user, turn, phase, text=", ".join((*parts[:7], *parts[8:])), **facts)


@pytest.mark.parametrize(("rule", "example"), EVERY_BAD)
def test_with_one_user_nothing_is_said_of_many(rule, example):
    assert judged(rule.id, changed(sides(example), user=1)).status is MOOT


@pytest.mark.parametrize(("rule", "example"), EVERY_BAD)
def test_the_order_in_which_samples_arrive_changes_nothing(rule, example):
    given = population_of(sides(example))
    assert judged(rule.id, Population(given.samples[::-1], given.shapes)) == judged(rule.id, given)


@pytest.mark.parametrize(("rule", "example"), [case for case in EVERY_BAD if case.values[0].timed])
def test_no_target_is_blamed_for_times_while_the_harness_stalls(rule, example):
    given = population_of(sides(example))
    slow = Population(tuple(msgspec.structs.replace(s, stall=10**9) for s in given.samples), given.shapes)
    assert judged(rule.id, slow).status in (UNTESTABLE, MOOT)


@pytest.mark.parametrize("rule", RULES)
def test_a_server_that_does_as_alone_fails_nothing(rule):
    assert status(rule, *AS_REQUESTED, *MANY, *AFTER) in (PASS, MOOT)


@pytest.mark.parametrize("rule", RULES)
def test_a_server_that_rejects_everybody_honestly_fails_nothing(rule):
    everybody = [rejected(user, turn) for user in (1, 2, 3) for turn in range(9)]
    assert status(rule, *ALONE, *everybody) in (PASS, MOOT, UNTESTABLE)


@pytest.mark.parametrize("code", [404, 501])
@pytest.mark.parametrize("rule", RULES)
def test_what_a_target_declares_not_to_serve_is_not_judged(rule, code):
    refused = [rejected(0, turn, "alone", status=code) for turn in range(3)]
    everybody = [rejected(user, turn, status=code) for user in (1, 2) for turn in range(3)]
    assert status(rule, *refused, *everybody, rejected(0, 9, "after", status=code)) is MOOT


def test_a_word_like_a_nonce_that_no_request_had_is_no_leak():
    unsent, of_another_run = nonce(8, 8), UserTurn(8, 1, 0).nonce
    assert status("LOAD001", *AS_REQUESTED, completed(3, text=f"{unsent} {of_another_run} {nonce(1)[:-1]}a")) is PASS


@pytest.mark.parametrize("of_whom", [(1, 0), (3, 0)])
def test_a_user_s_own_earlier_text_is_another_request_s_too(of_whom):
    assert status("LOAD001", *AS_REQUESTED, completed(3), completed(3, 1, text=requested_text(*of_whom))) is FAIL


def test_a_nonce_in_pieces_is_found_in_text_tool_calls_and_reasoning():
    theirs = nonce(1)
    for name in ("content", "reasoning_content"):
        pieces = [chunk({name: theirs[:7]}), chunk({name: theirs[7:]}), chunk(finish="stop"), "[DONE]"]
        assert status("LOAD001", *AS_REQUESTED, of(streamed(*pieces), 3)) is FAIL
    calls = [{"index": 0, "id": "c", "type": "function", "function": {"name": "note", "arguments": '{"word": "'}}]
    rest = [{"index": 0, "function": {"arguments": part}} for part in (theirs[:5], theirs[5:] + '"}')]
    pieces = [chunk({"tool_calls": [call]}) for call in (*calls, *rest)]
    assert (
        status("LOAD001", *AS_REQUESTED, of(streamed(*pieces, chunk(finish="tool_calls"), "[DONE]"), 3, task="tool"))
        is FAIL
    )


def test_a_leak_in_a_stream_that_the_client_left_counts():
    left = Ending("hung-up", "body", 5 * MS, "the harness closed the connection on purpose")
    assert status("LOAD001", *AS_REQUESTED, replace(completed(3, text=requested_text(1)), ending=left)) is FAIL


def test_a_finding_names_both_users():
    found = judged("LOAD001", (*AS_REQUESTED, completed(3, 4, text=requested_text(2, 1))))
    assert "user 3, turn 4 got that of user 2, turn 1" in found.message
    assert found.findings[0].nonces == (nonce(3, 4),)


# The model is never judged


def test_what_the_model_does_alone_as_well_is_no_failure_of_the_load():
    rude = [completed(user, turn, text="I can't.") for user in (1, 2, 3) for turn in range(5)]
    alone = [completed(0, turn, "alone", text="I can't.") for turn in range(5)]
    for rule in ("LOAD003", "LOAD004"):
        assert status(rule, *alone, *rude) is UNTESTABLE


def test_a_model_that_errs_now_and_then_is_not_blamed_on_the_load():
    """It errs in one text of ten, at random: the same requests, repeated, get good texts."""
    load = [
        (damaged if turn % 10 == 3 else completed)(user, turn, spent=usage(60, 40 + turn % 3))
        for user in (1, 2)
        for turn in range(40)
    ]
    repeated = [completed(1, turn, "after", spent=usage(60, 33)) for turn in (3, 13, 23, 33)]
    usual = [completed(1, turn, "after", text=f"Here: {requested_text(1, turn)}") for turn in (1, 2)]
    assert status("LOAD004", *ALONE, *load, *repeated, *usual) is UNTESTABLE


def test_one_damaged_text_of_many_may_be_chance():
    assert (
        status("LOAD004", *AS_REQUESTED, *MANY, damaged(3), completed(3, 0, "after"), completed(1, 100, "after"))
        is UNTESTABLE
    )


@pytest.mark.parametrize(("of_ten", "expected"), [(1, UNTESTABLE), (8, FAIL)])
def test_texts_that_are_bad_far_more_often_than_without_load_are_the_load_s(of_ten, expected):
    """Usage counts what arrived: a model could have generated that."""
    load = [
        damaged(user, turn, spent=usage(60, 38)) if turn % 10 < of_ten else completed(user, turn)
        for user in (1, 2)
        for turn in range(20)
    ]
    repeated = [completed(1, turn, "after") for turn in range(4)]
    assert status("LOAD004", *ALONE, *load, *repeated) is expected
    assert status("LOAD004", *ALONE, *load, *(damaged(0, 40 + turn, "alone") for turn in range(4))) is UNTESTABLE


def test_texts_of_other_modes_show_what_the_model_does_without_load():
    load = [
        damaged(user, turn, spent=usage(60, 38)) if turn % 3 else completed(user, turn)
        for user in (1, 2)
        for turn in range(9)
    ]
    given = population_of((*ALONE[:3], *load, *(whole(0, turn, "alone") for turn in range(20, 32))))
    (streams,) = (mine for group, mine in given.groups() if group.mode == "stream")
    assert judged("LOAD004", streams).status is FAIL
    assert status("LOAD004", *ALONE[:3], *load) is UNTESTABLE


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_text_that_is_cut_short_as_the_response_reports_is_not_lost(finish):
    def short(user, turn):
        return of(answered(completion({"content": f"{nonce(user, turn)}, "}, finish, id=f"{user}-{turn}")), user, turn)

    shortened = [short(user, turn) for user in (1, 2) for turn in range(9)]
    assert status("LOAD004", *ALONE, *AFTER, *AS_REQUESTED, *shortened) is PASS


def test_usage_that_counts_tokens_which_did_not_arrive_shows_a_loss():
    load = [*MANY, *(damaged(3, turn) for turn in range(2))]
    assert status("LOAD004", *ALONE, *load, *(completed(3, turn, "after") for turn in range(2))) is FAIL


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{0}, {1}", "lack the last"),
        ("{0}, {1}, {1}", "twice"),
        ("{0}", "none of"),
        ("{0}, {9}", "that another request asked for"),
    ],
)
def test_a_finding_says_what_happened_to_the_numbers(text, words):
    def spoilt(user, turn):
        mine, first, *_ = requested_text(user, turn).split(", ")
        foreign = str(10 + (int(first) + 10) % 80)
        return completed(user, turn, text=text.format(mine, first, *[foreign] * 8))

    found = judged("LOAD004", (*ALONE, *AFTER, *(spoilt(user, turn) for user in (1, 2) for turn in range(4))))
    assert found.status is FAIL
    assert words in found.message


# Ids, usage, shape


def test_the_repetition_of_a_request_may_get_its_response_from_a_cache():
    assert status("LOAD005", *AS_REQUESTED, completed(1, 0, "after")) is PASS


def test_responses_without_ids_are_not_compared():
    assert status("LOAD005", *(of(answered(completion(id=None)), user) for user in (1, 2))) is MOOT


def test_a_cache_that_load_fills_changes_no_sum():
    cached = usage(60, 40) | {"prompt_tokens_details": {"cached_tokens": 59}}
    assert (
        status("LOAD006", *ALONE, *(completed(user, turn, spent=cached) for user in (1, 2) for turn in range(4)))
        is PASS
    )


def test_usage_that_is_missing_alone_is_not_missed():
    alone = [completed(0, turn, "alone", spent={}) for turn in range(4)]
    assert status("LOAD006", *alone, completed(1, spent={}), completed(2, spent={})) is MOOT


def test_hidden_thoughts_may_have_any_number_of_tokens():
    alone = [completed(0, turn, "alone", spent=usage(60, 40 + 90 * turn)) for turn in range(4)]
    load = [completed(user, turn, spent=usage(60, 500)) for user in (1, 2) for turn in range(4)]
    again = [completed(1, turn, "after", spent=usage(60, 44)) for turn in range(4)]
    assert status("LOAD006", *alone, *load, *again) is PASS
    assert status("LOAD006", *ALONE, *load) is FAIL


def test_longer_texts_may_have_more_tokens():
    longer = [
        completed(user, turn, text=f"Sure! {requested_text(user, turn)}", spent=usage(60, 90))
        for user in (1, 2)
        for turn in range(3)
    ]
    assert status("LOAD006", *ALONE, *longer) is PASS


def test_a_member_that_is_null_or_of_another_type_is_there():
    alone = [completed(0, turn, "alone", note={"a": 1}) for turn in range(4)]
    for note in (None, {"a": None}, {"a": 2, "b": 3}, {"a": "x"}):
        assert status("LOAD007", *alone, completed(1, note=note), completed(2, note=note)) is PASS
    assert status("LOAD007", *alone, *(completed(user, turn, note={}) for user in (1, 2) for turn in range(3))) is FAIL


def test_members_that_only_some_responses_had_alone_are_not_missed():
    alone = [completed(0, turn, "alone", **({"system_fingerprint": "fp"} if turn else {})) for turn in range(5)]
    assert status("LOAD007", *alone, completed(1), completed(2)) is PASS


def test_header_fields_of_connections_caches_and_quotas_are_not_missed():
    more = (("keep-alive", "timeout=5"), ("age", "3"), ("x-ratelimit-remaining-requests", "9"), ("cf-ray", "1"))
    alone = [reduce(lambda x, field: with_header(x, *field), more, completed(0, turn, "alone")) for turn in range(4)]
    assert status("LOAD008", *alone, completed(1), completed(2)) is PASS


# Endings


def test_one_cut_of_thousands_may_be_chance():
    assert status("LOAD009", *AS_REQUESTED, *MANY, cut(3)) is UNTESTABLE
    assert status("LOAD009", *AS_REQUESTED, *MANY, cut(3), cut(3, 1)) is FAIL


@pytest.mark.parametrize(
    ("pause_ms", "others", "expected"),
    [(100, 12, UNTESTABLE), (100, 2, FAIL), (2000, 12, FAIL)],
)
def test_cuts_at_one_moment_of_a_load_are_one_event_unless_they_are_most_of_it(pause_ms, others, expected):
    """As when one of several server processes is restarted; a crash of the only one takes most streams with it."""
    load = [completed(1, turn, began_ms=1000 * turn) for turn in range(20)]
    beside = [completed(user, 9, began_ms=5000 + 40 * user) for user in range(4, 4 + others)]
    cuts = [cut(3, turn, began_ms=5000 + pause_ms * turn) for turn in range(5)]
    assert status("LOAD009", *ALONE, *load, *beside, *cuts) is expected


@pytest.mark.parametrize(("pause_ms", "expected"), [(100, UNTESTABLE), (1000, FAIL)])
def test_connections_that_are_dropped_at_one_moment_of_a_load_are_one_event(pause_ms, expected):
    load = [completed(user, turn, began_ms=500 * turn + 10) for user in range(1, 9) for turn in range(14)]
    lost = [
        x
        for at in range(4)
        for x in (
            completed(20 + at, began_ms=2990 + pause_ms * at),
            cut(20 + at, 1, NO_BYTE, is_reused=True, began_ms=3000 + pause_ms * at),
        )
    ]
    assert status("LOAD011", *ALONE, *load, *lost) is expected
    dropped = [cut(30 + at, 0, NO_BYTE, began_ms=3000 + pause_ms * at) for at in range(4)]
    assert status("LOAD012", *ALONE, *load, *dropped) is expected


def test_what_is_cut_alone_as_well_is_no_failure_of_the_load():
    alone = of(cut(0, 30), 0, 30, "alone")
    assert status("LOAD009", *ALONE, alone, *OTHERS, cut(3), cut(3, 1)) is UNTESTABLE


def test_cuts_that_begin_with_a_disconnect_are_reported_once():
    bad = RULES["LOAD010"].bad[0]
    assert [status(rule, *ALONE, *bad) for rule in ("LOAD009", "LOAD010", "LOAD012")] == [MOOT, FAIL, PASS]


def test_cuts_that_have_nothing_to_do_with_disconnects_are_not_attributed_to_them():
    left = Ending("hung-up", "body", 5 * MS, "the harness closed the connection on purpose")
    disconnected = [replace(completed(5, turn, began_ms=200 * turn), ending=left) for turn in range(9)]
    cuts = [cut(6, turn, began_ms=100 + 200 * turn) for turn in range(9)]
    given = (*ALONE, *MANY, *disconnected, *cuts)
    assert [status(rule, *given) for rule in ("LOAD009", "LOAD010")] == [FAIL, UNTESTABLE]


def left_by_a_client(user, turn, began_ms):
    left = Ending("hung-up", "body", 5 * MS, "the harness closed the connection on purpose")
    return replace(completed(user, turn, began_ms=began_ms), ending=left)


def crashed(user, turn, began_ms, took_ms):
    x = rejected(user, turn, status=500)
    return replace(x, began_ns=began_ms * MS, arrivals=(Arrival(took_ms * MS, len(x.received)),), cache={})


def test_long_exchanges_fail_while_some_client_disconnects_whatever_the_reason():
    """Each failure takes a second, in which two clients disconnect; other exchanges are too short for that."""
    load = [completed(1 + turn % 2, turn, began_ms=40 * turn) for turn in range(250)]
    gone = [left_by_a_client(5, turn, 500 * turn + 20) for turn in range(20)]
    failed = [crashed(6 + at % 8, at, began_ms=600 * at, took_ms=1000) for at in range(15)]
    assert [status(rule, *ALONE, *load, *gone, *failed) for rule in ("LOAD010", "LOAD012")] == [UNTESTABLE, FAIL]


def test_failures_that_begin_long_after_the_first_disconnect_are_not_attributed_to_it():
    calm, later = ([completed(2, turn, began_ms=20 * turn) for turn in range(*some)] for some in ((0, 20), (20, 50)))
    failed = [crashed(3, turn, began_ms=1000 + 20 * turn, took_ms=5) for turn in range(40)]
    given = (*ALONE, *calm, left_by_a_client(5, 0, 395), *later, *failed)
    assert [status(rule, *given) for rule in ("LOAD010", "LOAD012")] == [UNTESTABLE, FAIL]


def test_what_is_lost_on_a_connection_that_was_closed_is_not_attributed_to_disconnects():
    calm = RULES["LOAD010"].good[0]
    lost = [
        x
        for user in range(4, 9)
        for x in (completed(user, began_ms=300), cut(user, 1, NO_BYTE, is_reused=True, began_ms=310))
    ]
    assert [status(rule, *ALONE, *calm, *lost) for rule in ("LOAD010", "LOAD011", "LOAD012")] == [PASS, FAIL, PASS]


def test_a_few_cuts_after_the_first_disconnect_of_many_exchanges_are_not_attributed_to_it():
    calm, later = RULES["LOAD010"].good[0], [completed(1, turn, began_ms=400 + turn) for turn in range(50, 250)]
    given = (*ALONE, *calm, *later, cut(5, began_ms=700), cut(5, 1, began_ms=800))
    assert [status(rule, *given) for rule in ("LOAD009", "LOAD010")] == [FAIL, UNTESTABLE]


def test_a_connection_that_was_idle_may_be_closed():
    idle = [x for user in (3, 4) for x in (completed(user), cut(user, 1, NO_BYTE, is_reused=True, began_ms=2000))]
    assert status("LOAD011", *AS_REQUESTED, *idle) is PASS
    assert status("LOAD012", *AS_REQUESTED, *idle) is PASS
