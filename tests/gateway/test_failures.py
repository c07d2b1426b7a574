"""What the rules about failures of the upstream make of a gateway's answers, status by status."""

from dataclasses import replace
from itertools import chain

import pytest

from conformance import catalogue
from conformance.deciding import outcome_of
from conformance.handbook.examples import judge_example
from conformance.model.exchange import Ending, Pair
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import Status
from conformance.rules.example import answered, chunk, completion, error, exchange, streamed
from conformance.rules.gw.attempts import allows, repeats
from conformance.rules.gw.example import both
from conformance.rules.gw.failing_example import FAULT, GOOD, LOST, OWN, at, begun, elsewhere, limited, refused
from conformance.rules.gw.recovery import USUAL
from conformance.testbed.upstream.scripts.failures import STATUSES

RULES = {rule.id: rule for rule in catalogue.rules()}
BROKEN = Ending("closed", "body", 2_000_000)
OF_STATUSES = ("GW060", "GW061", "GW062", "GW063")


def failing(example, *rules, policy=None):
    return {name for name in rules if judge_example(RULES[name], example, policy or Policy())[0] is Status.FAIL}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_that_is_passed_on_is_right(status):
    assert failing(both(refused(status), refused(status)), *OF_STATUSES, "GW064", "GW066", "GW067", "GW068") == set()


TOLD = [
    (500, 502, set()),
    (503, 502, set()),
    (529, 503, set()),
    (529, 429, set()),
    (401, 502, set()),
    (401, 500, set()),
    (403, 503, set()),
    (404, 502, set()),
    (429, 503, {"GW063"}),
    (504, 502, set()),
    (503, 500, {"GW063"}),
    (422, 400, {"GW063"}),
    (429, 500, {"GW063"}),
    (401, 400, {"GW061"}),
    (401, 403, {"GW061"}),
    (402, 429, {"GW063"}),
    (403, 404, {"GW061"}),
    (429, 400, {"GW061"}),
    (500, 400, {"GW061"}),
    (500, 429, {"GW061"}),
    (504, 404, {"GW061"}),
    (400, 500, {"GW062"}),
    (413, 502, {"GW062"}),
    (422, 429, {"GW062"}),
    (451, 401, {"GW062"}),
    (400, 200, {"GW060"}),
    (500, 200, {"GW060"}),
    (429, 302, {"GW060"}),
]


@pytest.mark.parametrize(("was", "now", "wrong"), TOLD)
def test_each_change_of_a_status_is_a_fault_of_one_rule_or_of_none(was, now, wrong):
    assert failing(both(refused(now, OWN), refused(was)), *OF_STATUSES) == wrong


@pytest.mark.parametrize(("now", "wrong"), [(502, set()), (504, set()), (500, {"GW063"}), (400, {"GW061"})])
def test_a_lost_connection_is_the_gateway_s_to_tell(now, wrong):
    assert failing(both(refused(now, OWN), LOST), *OF_STATUSES, "GW064") == wrong


def test_a_failure_of_the_gateway_s_own_proves_nothing_while_the_harness_stalls():
    refusal = refused(400)
    late = replace(refusal, ending=Ending("closed", "after", 800_000_000), harness_stall_ns=700_000_000)
    assert failing(both(refused(504, OWN), late), *OF_STATUSES) == set()
    assert failing(both(refused(504, OWN), replace(late, harness_stall_ns=0)), *OF_STATUSES) == {"GW062"}
    assert failing(both(refused(401, OWN), late), *OF_STATUSES) == {"GW062"}


def test_a_mistake_that_gets_no_response_is_retried_in_vain():
    assert failing(both(LOST, refused(400)), *OF_STATUSES) == {"GW062"}
    assert failing(both(LOST, refused(503)), *OF_STATUSES) == {"GW063"}


def test_what_the_upstream_s_proxy_wrote_may_be_passed_on():
    page = refused(502, "<html>", [("content-type", "text/html")])
    assert failing(both(page, page), "GW064", "GW065") == set()
    assert failing(both(page, LOST), "GW064") == {"GW064"}


def test_an_error_inside_a_success_may_be_passed_on_as_it_is():
    failed = answered(OWN, probe=FAULT)
    assert failing(both(failed, failed), *OF_STATUSES) == set()
    assert failing(both(failed, LOST), *OF_STATUSES) == {"GW060"}


@pytest.mark.parametrize(
    ("before", "policy", "is_declared"),
    [
        (refused(503), GatewayPolicy(retries=1), True),
        (refused(504), GatewayPolicy(retries=1), False),
        (LOST, GatewayPolicy(retries=1), False),
        (LOST, GatewayPolicy(retries=1, retry_on=(0,)), True),
        (begun(200, b'{"id"'), GatewayPolicy(retries=1, retry_on=(0,)), True),
        (refused(400), GatewayPolicy(retries=3), False),
        (refused(400), GatewayPolicy(retries=3, retry_on=(400,)), True),
        (GOOD, GatewayPolicy(retries=3, retry_on=(0, 500)), False),
    ],
)
def test_a_policy_allows_attempts_after_the_failures_that_it_names(before, policy, is_declared):
    _, *upstream = both(GOOD, before, GOOD)
    again = next(repeats(tuple(upstream)))
    assert allows(policy, again) is is_declared


def test_more_attempts_than_declared_are_one_too_many():
    declared = Policy(gateway=GatewayPolicy(retries=1, retry_on=(503,)))
    assert failing(both(GOOD, refused(), GOOD), "GW070", policy=declared) == set()
    assert failing(both(refused(), refused(), refused(), refused()), "GW070", policy=declared) == {"GW070"}


def test_with_a_fallback_an_earlier_time_may_be_right():
    sooner = both(limited(("retry-after", "1")), limited(("retry-after", "60")))
    assert failing(sooner, "GW075") == {"GW075"}
    assert failing(sooner, "GW075", policy=Policy(gateway=GatewayPolicy(fallback=True))) == set()


REFUSED_AFTER = refused(503, OWN, probe="chat.gateway.after.example")


def test_a_circuit_breaker_that_is_declared_may_refuse_the_next_request():
    example = both(REFUSED_AFTER) + USUAL
    assert failing(example, "GW078") == {"GW078"}
    assert failing(example, "GW078", policy=Policy(gateway=GatewayPolicy(breaker=True))) == set()


@pytest.mark.parametrize(("failures", "wrong"), [(1, {"GW078"}), (2, {"GW078"}), (3, set())])
def test_a_circuit_breaker_may_open_after_several_failures_in_a_row(failures, wrong):
    before = [both(at(5 * n, refused(500)), refused(500)) for n in range(failures)]
    answered_after = both(at(-5, answered(completion(), probe="chat.gateway.after.example")), GOOD)
    earlier = both(at(-10, refused(500)), refused(500))
    example = (*both(at(100, REFUSED_AFTER)), *USUAL, *earlier, *answered_after, *chain(*before))
    assert failing(example, "GW078") == wrong


def test_a_gateway_that_never_answers_is_not_broken_by_a_failure():
    never = both(refused(500, OWN, probe="chat.hello"), answered(completion()))
    assert failing(both(REFUSED_AFTER) + never, "GW078") == set()


def test_a_text_of_several_attempts_is_a_mixture_though_none_was_answered():
    first, second = begun(200, b'{"id"'), streamed(chunk({"content": "Hel"}), probe=FAULT, ending=BROKEN)
    alone = streamed(chunk({"content": "Hel"}), probe=FAULT, ending=BROKEN)
    mixed = streamed(chunk({"content": "Hel"}), chunk({"content": "Hel"}), probe=FAULT, ending=BROKEN)
    assert failing(both(alone, first, second), "GW073") == set()
    assert failing(both(mixed, second, second), "GW073") == {"GW073"}


def test_the_answer_of_the_last_attempt_may_not_be_mixed_with_that_of_another():
    mixed = answered(completion({"content": "Hello Hello there."}), probe=FAULT)
    assert failing(both(mixed, begun(200, b'{"id"'), GOOD), "GW073") == {"GW073"}
    assert failing(both(GOOD, begun(200, b'{"id"'), GOOD), "GW073") == set()


MOVED = Pair(GOOD, (refused(503), elsewhere(GOOD)))
MOVED_BY_LIMIT = Pair(GOOD, (refused(429), elsewhere(GOOD)))


@pytest.mark.parametrize(
    ("status", "others", "expected"),
    [
        (429, (MOVED,), Status.NOT_APPLICABLE),
        (429, (MOVED, MOVED_BY_LIMIT), Status.FAIL),
        (500, (MOVED,), Status.FAIL),
        (500, (), Status.UNTESTABLE),
    ],
)
def test_a_gateway_with_a_fallback_may_pass_all_rate_limits_on(status, others, expected):
    client, arrived = both(refused(status), refused(status))
    policy = Policy(gateway=GatewayPolicy(fallback=True))
    arguments = {"x": client, "upstream": (arrived,), "policy": policy, "faults": others}
    assert outcome_of(RULES["GW084"], arguments).status is expected


ROUTED = "chat.gateway.header.routing"


@pytest.mark.parametrize(
    ("got", "status"),
    [
        (refused(404, error("No route."), probe=ROUTED), Status.FAIL),
        (refused(503, error("No healthy upstream."), probe=ROUTED), Status.FAIL),
        (refused(400, error("The header x-ai-eg-model is reserved."), probe=ROUTED), Status.PASS),
        (refused(429, error("Too many requests."), probe=ROUTED), Status.UNTESTABLE),
        (exchange(b"", mode="unary", probe=ROUTED, ending=LOST.ending), Status.UNTESTABLE),
    ],
)
def test_only_a_refusal_that_names_no_header_shows_that_headers_of_the_client_route_a_request(got, status):
    client = replace(got, sent=got.sent.replace(b"\r\n", b"\r\nx-ai-eg-model: steered-model\r\n", 1))
    arguments = {"x": client, "upstream": (), "usual": Pair(GOOD, (GOOD,))}
    assert outcome_of(RULES["GW083"], arguments).status is status
