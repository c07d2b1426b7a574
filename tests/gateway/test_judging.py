"""Judging both sides: what is paired, and what concerns the gateway at all."""

from dataclasses import replace

import pytest

from conformance.catalogue import Catalogue, installed
from conformance.gateway.judging import judge_pairs, pairs
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending
from conformance.model.run import GatewayFacts, RunManifest
from conformance.model.target import GatewayPolicy, Policy, Target
from conformance.model.verdict import Status
from conformance.rules.example import answered, chunk, completion, error, streamed
from conformance.rules.gw.example import ASKED, NONCE, OTHER_NONCE
from conformance.rules.msg import example as msg

CUT = Ending("interrupted", "body", 5, "the proxy was stopped")


def client(body=ASKED, kind=Kind.BASELINE, subject="", **more):
    x = answered(completion(), body=body)
    case = CaseId("chat", "hermes", "unary", kind, subject)
    return replace(x, id=f"{kind.value}{subject}", case=case, nonce=NONCE, cache={}, **more)


def arrived(body=ASKED, attempt=1, **more):
    x = answered(completion(), body=body)
    given = {"began_ns": attempt} | more
    return replace(x, id=f"upstream-{attempt}", hop="upstream", nonce=NONCE, attempt=attempt, cache={}, **given)


def judged(*exchanges, policy=None, stopped="", rules=("GW001",), apis=()):
    known = {x.id: x for x in exchanges}
    target = Target(base_url="http://h/v1", model="m", policy=policy or Policy(), apis=apis)
    facts = RunManifest(
        tool="t",
        started="2026-01-01T00:00:00Z",
        target=target,
        suite="gate",
        profiles=("hermes",),
        stopped=stopped,
        gateway=GatewayFacts(ports=(1,)),
    )
    chosen = Catalogue(tuple(rule for rule in installed().rules if rule.id in rules), (), ())
    return judge_pairs(facts, known.__getitem__, tuple(known), chosen)


def only(judgement):
    (verdict,) = judgement.verdicts
    return verdict


WITHOUT_CAP = {name: value for name, value in ASKED.items() if name != "max_tokens"}


def test_a_pair_has_the_attempts_in_order_of_arrival():
    x, late, early = client(), arrived(attempt=2), arrived(attempt=1)
    ((seen, upstream),) = pairs({x.id: x, late.id: late, early.id: early}.__getitem__, (x.id, late.id, early.id))
    assert (seen, [one.attempt for one in upstream]) == (x, [1, 2])


def test_the_policy_of_the_target_decides_what_may_change():
    assert only(judged(client(), arrived(WITHOUT_CAP))).status is Status.FAIL
    dropped = Policy(gateway=GatewayPolicy(dropped=("max_tokens",)))
    assert only(judged(client(), arrived(WITHOUT_CAP), policy=dropped)).status is not Status.FAIL


def test_a_run_that_the_user_stopped_accuses_nobody_of_what_was_in_progress():
    cut = arrived(WITHOUT_CAP, ending=CUT)
    assert only(judged(client(), cut)).status is Status.FAIL
    stopped = only(judged(client(), cut, stopped="interrupted"))
    assert (stopped.status, "the user stopped the run" in stopped.message) == (Status.UNTESTABLE, True)


def test_a_request_that_is_broken_on_purpose_lacks_no_evidence_for_other_rules():
    gone = client(kind=Kind.GATEWAY_FAULT, subject="connection-refused", ending=Ending("closed", "body", 5))
    assert only(judged(gone)).status is Status.NOT_APPLICABLE
    assert only(judged(replace(gone, case=client().case))).status is Status.UNTESTABLE


@pytest.mark.parametrize(("apis", "is_absent"), [((), True), (("chat",), False)])
def test_an_api_that_answers_404_is_absent_unless_it_is_named(apis, is_absent):
    missing = answered({"error": {"message": "No such path."}}, status=404)
    x = replace(missing, id="chat", case=client().case, nonce=NONCE, cache={})
    other = replace(client(), id="messages", case=CaseId("messages", "claude-sdk", "unary", Kind.BASELINE))
    assert ("chat" in judged(x, other, apis=apis).absent) is is_absent


def test_what_the_upstream_lacks_is_not_missing_at_the_gateway():
    without_end = streamed(chunk({"content": "Hi"}), chunk(finish="stop"), body=ASKED | {"stream": True})
    x = replace(without_end, id="x", case=CaseId("chat", "hermes", "stream", Kind.GATEWAY_VARIANT), nonce=NONCE)
    up = replace(x, id="up", hop="upstream", cache={})
    assert only(judged(x, rules=("SSE010",))).status is Status.UNTESTABLE
    both = only(judged(x, up, rules=("SSE010",)))
    assert (both.status, "the upstream's reply does not show it either" in both.message) == (
        Status.NOT_APPLICABLE,
        True,
    )


@pytest.mark.parametrize(("last", "status"), [((), Status.NOT_APPLICABLE), ((msg.STOP,), Status.FAIL)])
def test_a_stream_that_an_upstream_of_another_api_does_not_end_is_not_held_against_the_gateway(last, status):
    x = streamed(chunk({"content": "Hi"}), "[DONE]", body=ASKED)
    x = replace(x, id="client", nonce=NONCE, case=CaseId("chat", "hermes", "stream", Kind.GATEWAY_VARIANT, "no-done"))
    sent = (msg.START, msg.OPEN, msg.BLOCK_DELTA, msg.CLOSE, msg.MESSAGE_DELTA, *last)
    upstream = replace(msg.events(*sent), id="upstream-1", hop="upstream", nonce=NONCE, began_ns=1)
    assert only(judged(x, upstream, rules=("CHK017",))).status is status


def test_affected_clients_are_billed_for_what_the_gateway_sent_upstream():
    refused = answered(error(), status=500, mode="stream", body=ASKED)
    x = replace(refused, id="client", nonce=NONCE, case=CaseId("chat", "langgraph", "stream", Kind.BASELINE), cache={})
    judgement = judged(x, arrived(), rules=("GW035",))
    (seen,) = {i for i in judgement.client_impacts["client"] if i.client == "LangGraph 1.2"}
    assert (seen.requests, seen.upstream_requests, seen.billed) == (3, 3, 3)


def test_a_rule_on_one_api_is_not_applicable_where_the_gateway_translates_even_if_a_request_does_not_arrive():
    refused = replace(client(kind=Kind.GATEWAY_FIELD), received=answered(error(), status=503).received)
    refused = replace(refused, nonce=OTHER_NONCE, cache={})
    assert only(judged(refused)).status is Status.UNTESTABLE
    translated = replace(arrived(), case=CaseId("messages", "", "unary", Kind.RECORDED, "/v1/messages"))
    assert {v.status for v in judged(client(), translated, refused).verdicts} == {Status.NOT_APPLICABLE}
    assert {v.status for v in judged(client(), arrived(), refused).verdicts} == {Status.PASS, Status.UNTESTABLE}
