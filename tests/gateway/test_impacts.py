"""What a user message costs behind a gateway: the client's attempts, times the gateway's."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from conformance.gateway.impacts import impacts_through
from conformance.model.case import named_case
from conformance.model.exchange import Pair
from conformance.model.impact import Impact
from conformance.model.target import Prices
from conformance.report.impacts import cells, columns, one_line, outcomes, subject
from conformance.rules.example import answered, completion
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import LOST, refused

FAILED = "chat.gateway.fault.status-503-once"


UNPRICED = Prices()


def impacts(*exchanges, profiles=("langgraph",), prices=UNPRICED):
    client, *upstream = both(*exchanges)
    return {i.client: i for i in impacts_through([Pair(client, tuple(upstream))], profiles, prices)}


def test_the_client_s_attempts_and_the_gateway_s_multiply():
    found = impacts(refused(probe=FAILED), *[refused()] * 5)
    plain, patient = found["LangGraph 1.2"], found["LangGraph 1.2 (RetryPolicy)"]
    assert (plain.requests, plain.upstream_requests, plain.billed) == (3, 15, 0)
    assert (patient.requests, patient.upstream_requests) == (9, 45)
    assert plain.is_of_failure
    assert subject(plain) == "LangGraph 1.2, unary, status-503-once"


def test_answers_that_nobody_gets_are_billed_all_the_same():
    prices = Prices(request=0.01)
    lost = refused(502, probe=FAILED)
    found = impacts(lost, LOST, answered(completion()), prices=prices)["LangGraph 1.2"]
    assert (found.requests, found.upstream_requests, found.billed, found.delivered) == (3, 6, 3, False)
    assert (found.cost_usd, found.wasted_usd) == (pytest.approx(0.03), pytest.approx(0.02))
    assert one_line(found).startswith("sees an error; 3 requests, 6 upstream, 3 billed; $0.020 in retries")


def test_only_the_selected_frameworks_meet_the_upstream_s_failures():
    assert set(impacts(refused(probe=FAILED), refused(), profiles=("hermes",))) == {"hermes 0.19", "hermes 0.14"}


def test_the_table_has_the_requests_upstream_and_the_dearest_failure_that_the_gateway_multiplies():
    greeted = answered(completion(), probe="chat.hello", mode="stream")
    greeted = replace(greeted, case=named_case("chat.hello", "langgraph", "stream"))
    usual = impacts(greeted, answered(completion()))
    once, thrice = impacts(refused(probe=FAILED), refused()), impacts(refused(probe=FAILED), *[refused()] * 3)
    shown = tuple(by_client["LangGraph 1.2"] for by_client in (usual, once, thrice))
    report = SimpleNamespace(impact=shown, profiles=("langgraph",), messages_per_day=None)
    assert list(columns(report)) == ["framework", "user outcome", "requests", "upstream", "billed"]
    rows = [list(cells(one, report)) for one in outcomes(report)]
    assert rows[0][2:] == ["1", "1", "1"]
    assert rows[1:] == [["LangGraph 1.2, unary, status-503-once", "sees an error", "3", "9", "0"]]


def test_without_a_gateway_the_table_is_as_ever():
    plain = Impact(profile="p", client="c", probe="chat.hello", mode="stream", outcome="text", requests=1, billed=1)
    report = SimpleNamespace(impact=(plain,), profiles=("p",), messages_per_day=None)
    assert list(columns(report)) == ["framework", "user outcome", "requests", "billed"]
    assert list(cells(plain, report)) == ["c", "gets the response", "1", "1"]
