"""RSP: responses over a WebSocket, beyond the rules' examples; and whole runs of the embedded server that speaks it."""

from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.apis.websocket import RECONNECT, ROLES, TURNS, VALID, WARM_UP, WARMED, after_reconnecting, turns
from conformance.deciding import decide
from conformance.judging import judge
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Status
from conformance.parsing.websocket import CLOSE, PING, frame
from conformance.report.open_responses import reported
from conformance.rules.example import CLOSED
from conformance.rules.example import answered as over_http
from conformance.rules.rsp.compaction import COMPACTION
from conformance.rules.rsp.example import USAGE, state, text
from conformance.rules.rsp.websocket import conversed
from conformance.rules.rsp.websocket_example import (
    OPEN,
    answered,
    conversation,
    create,
    handshake,
    messages,
    one_turn,
    refused,
)
from conformance.rules.rsp.websocket_state import BEGUN, CHAIN, LOST, NEXT, NOT_FOUND
from conformance.rules.rsp.websocket_warm_up import PREPARE, READ
from conformance.selftest import run_change
from conformance.storage.metadata import pack, unpack
from conformance.testbed.mutations import changes

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "RSP"}


def status(name, x):
    return decide(RULES[name], {"x": x}, (x,)).status


def test_the_roles_are_those_that_the_probes_send():
    spoken = {p.subject: p.build_turns({"model": "m"}) for p in catalogue.probes() if p.build_turns}
    assert {subject: len(said) for subject, said in spoken.items()} == {
        subject: len(roles) for subject, roles in ROLES.items() if subject != RECONNECT
    }
    names = [role for role, one in zip(ROLES[TURNS], spoken[TURNS], strict=True) if one.event.get("model")]
    assert VALID.intersection(names) == VALID.intersection(ROLES[TURNS])
    sent = after_reconnecting(conversation(*CHAIN), over_http(COMPACTION, probe="responses.compact"))
    assert len(sent) == len(ROLES[RECONNECT])
    assert b'"previous_response_id":"resp_3"' in sent[0].event


def test_without_a_compaction_its_turn_is_left_out_and_without_an_id_there_is_no_second_connection():
    missing = over_http({"detail": "Not Found"}, status=404, probe="responses.compact")
    assert len(after_reconnecting(conversation(*CHAIN), missing)) == len(ROLES[RECONNECT]) - 1
    nameless = conversation((create(), messages({"type": "response.completed", "response": {"id": 7}})))
    assert after_reconnecting(nameless, missing) is None
    assert after_reconnecting(over_http({}, status=404, probe="responses.websocket.turns"), missing) is None


def test_only_valid_turns_that_were_sent_are_judged_as_streams():
    x = conversation(*CHAIN, (LOST, refused(NOT_FOUND)))
    assert [one.case.probe for one in turns(x)] == [
        f"responses.websocket.turns.{role}" for role in ("first", "second", "continued")
    ]
    assert {one.case.mode for one in turns(x)} == {"stream"}
    assert turns(handshake("")) == turns(turns(x)[0]) == ()


def test_a_handshake_that_clients_reject_shows_nothing_more():
    x = handshake("x", subject=TURNS, rest=frame(b"{}", mask=b"abcd"))
    assert status("RSP043", x) is Status.UNTESTABLE
    assert conversed(handshake("", subject=TURNS)).status is Status.UNTESTABLE


@pytest.mark.parametrize(
    ("rest", "ending", "expected"),
    [
        (frame(b"{}")[:-1], CLOSED, Status.FAIL),
        (frame(b"{}")[:-1], OPEN, Status.PASS),
        (frame(b"{", is_final=False), CLOSED, Status.FAIL),
        (frame(b"{}") + frame((1000).to_bytes(2), CLOSE) + b"tail", CLOSED, Status.PASS),
        (frame(b"", PING), CLOSED, Status.PASS),
    ],
)
def test_what_the_server_leaves_unfinished_is_its_fault_if_it_closed(rest, ending, expected):
    assert status("RSP043", conversation((create(), [rest]), ending=ending)) is expected


def test_a_frame_that_is_cut_after_the_harness_closed_is_no_fault():
    x = conversation((create(), [frame(b"{}")[:-1]]))
    assert status("RSP043", replace(x, sent=x.sent + frame(b"", CLOSE, mask=b"abcd"), cache={})) is Status.PASS


def test_the_server_may_close_the_connection_between_turns():
    second = one_turn("second", (create(), answered()), (create(), []))
    assert status("RSP046", second) is Status.UNTESTABLE
    reset = replace(second, ending=Ending("reset", "body", 0), cache={})
    assert status("RSP046", reset) is Status.UNTESTABLE


def test_one_fault_fails_one_rule_of_a_turn():
    lines = one_turn("first", (create(), messages('data: {"type": "response.created"}\n\n')), ending=OPEN)
    masked = one_turn("first", (create(), [frame(b"{}", mask=b"abcd")]), ending=OPEN)
    assert (status("RSP044", lines), status("RSP046", lines)) == (Status.FAIL, Status.UNTESTABLE)
    assert status("RSP046", masked) is Status.UNTESTABLE


def test_the_rules_on_streams_judge_the_events_of_a_turn():
    late = one_turn("first", (create(), answered()[1:]))
    assert status("RSP003", late) is Status.FAIL
    assert status("RSP005", late) is Status.NOT_APPLICABLE
    assert status("RSP004", one_turn("first", (create(), answered()))) is Status.PASS


def test_a_server_that_keeps_nothing_rejects_a_continuation_and_forgets_nothing():
    x = conversation(*BEGUN, (NEXT, refused(NOT_FOUND)))
    assert status("RSP047", x) is Status.NOT_APPLICABLE


@pytest.mark.parametrize("usage", [None, USAGE])
def test_without_a_count_of_tokens_that_grows_nothing_shows_the_context(usage):
    same = [(create(), answered(f"resp_{n}", usage=usage)) for n in (1, 2)]
    x = conversation(*same, (NEXT, answered("resp_3", usage=usage)))
    assert status("RSP047", x) is Status.UNTESTABLE


def test_an_error_object_without_a_type_is_an_error():
    bare = messages({"error": {"code": NOT_FOUND}})
    x = conversation(*CHAIN, (LOST, bare))
    assert (status("RSP048", x), status("RSP049", x)) == (Status.PASS, Status.PASS)


def test_a_response_that_may_be_stored_may_be_known_to_another_connection():
    asked = {name: value for name, value in create().items() if name != "store"}
    x = conversation((asked, answered("resp_4")), subject=RECONNECT)
    assert status("RSP051", x) is Status.NOT_APPLICABLE
    assert status("RSP051", conversation((create(), answered("resp_4")), subject=RECONNECT)) is Status.FAIL


def run(name):
    change = changes.find(name)
    return run_change("native-sse", change, Policy(), apis=("responses",), suite="full")


def failing(judged):
    return {v.rule for v in judged.judgement.verdicts if v.status in (Status.FAIL, Status.ERROR)}


def test_a_server_that_speaks_websocket_would_pass_the_acceptance_tests_over_it():
    made = run("websocket-accepted")
    assert failing(made) == set()
    found = reported(made.judgement.verdicts, "full")
    assert {test.outcome for test in found.tests if test.name.startswith("websocket-")} == {"pass"}
    over = [v for v in made.judgement.verdicts if v.case.kind == "websocket"]
    assert {v.case.variant for v in over} == {"", *VALID}
    assert not [v for v in over if v.level is MUST and v.status is Status.UNTESTABLE]
    kept = {name: unpack(pack(x)) for name, x in made.exchanges.items()}
    again = judge(made.facts, kept.__getitem__, sorted(kept))
    assert [v for v in again.verdicts if v.case.kind == "websocket"] == over


def warmed_up(*said, **facts):
    """A warm-up, and what follows it."""
    return conversation(*said, subject=WARM_UP, **facts)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (refused("unsupported_parameter"), Status.NOT_APPLICABLE),
        (refused("unsupported_parameter", 501), Status.NOT_APPLICABLE),
        (
            messages({"type": "error", "status": 400, "error": {"detail": "Unsupported parameter: generate"}}),
            Status.NOT_APPLICABLE,
        ),
        (refused("server_error", 500), Status.UNTESTABLE),
        (refused("overloaded", 503), Status.UNTESTABLE),
        (messages(state("failed", error={"code": "server_error", "message": "No."})), Status.UNTESTABLE),
    ],
)
def test_a_warm_up_may_be_rejected(given, expected):
    x = warmed_up((PREPARE, given))
    assert status("RSP055", x) is expected
    assert decide(RULES["RSP056"], {"x": x, "unwarmed": conversation(*CHAIN)}, (x,)).status is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (refused(NOT_FOUND), Status.NOT_APPLICABLE),
        (answered("resp_2", usage=None), Status.UNTESTABLE),
        (answered("resp_2")[:-1], Status.UNTESTABLE),
        (answered("resp_2", usage=USAGE | {"input_tokens": 40, "total_tokens": 43}), Status.PASS),
        (answered("resp_2", usage=USAGE | {"input_tokens": 39, "total_tokens": 42}), Status.FAIL),
    ],
)
def test_only_the_count_of_a_completed_turn_shows_that_a_warm_up_is_forgotten(after, expected):
    x = warmed_up((PREPARE, READ), (NEXT, after))
    assert decide(RULES["RSP056"], {"x": x, "unwarmed": conversation(*CHAIN)}, (x,)).status is expected


def test_a_warm_up_is_compared_with_a_conversation_that_shows_its_tokens():
    x = warmed_up((PREPARE, READ), (NEXT, answered("resp_2")))
    for talked in (conversation(*CHAIN[:1]), handshake("", subject=TURNS), conversation(*CHAIN[:1] * 2)):
        assert decide(RULES["RSP056"], {"x": x, "unwarmed": talked}, (x,)).status is Status.UNTESTABLE


def test_a_warm_up_is_not_judged_as_a_stream_and_what_continues_it_is():
    x = warmed_up((PREPARE, READ), (NEXT, answered("resp_2")))
    assert [one.case.variant for one in turns(x)] == [WARMED]


def test_what_a_server_generates_before_it_fails_is_output():
    x = warmed_up((PREPARE, [*messages(state("created"), *text("Hi")[:2])]), ending=OPEN)
    assert status("RSP055", x) is Status.FAIL
