"""The rules about the boundaries of a gateway, in cases that are neither their good nor their bad examples."""

from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending, Pair, Span
from conformance.model.target import GatewayPolicy, Policy
from conformance.rules.example import JSON, answered, completion, error, streamed
from conformance.rules.gw.caches import AGAIN, TENANT, reply_to
from conformance.rules.gw.credentials import leaked, request_with
from conformance.rules.gw.example import both
from conformance.rules.gw.hang_ups import MS, QUICK, SLOW, left, took, upstream_at
from conformance.rules.gw.isolation import FOREIGN, response_with

RULES = {rule.id: rule for rule in catalogue.rules()}
KEY = ("authorization", "Bearer ********")
OWN = ("authorization", "Bearer sk-canary-upstream")
HIDDEN = ("authorization", "****** *****************")
COOKIE = ("cookie", "session=canary-cookie")


def pair(client, *upstream):
    x, *arrived = both(client, *upstream)
    return Pair(x, tuple(arrived))


def status(rule, client, *upstream, policy=None, **others):
    x, arrived = pair(client, *upstream)
    given = {"x": x, "upstream": arrived, "policy": Policy(gateway=policy or GatewayPolicy()), **others}
    return decide(RULES[rule], given, (x,))[0].value


USUAL = (pair(request_with(KEY), request_with(OWN)),)
PASSED = leaked(request_with(KEY))
PASSING = (pair(request_with(KEY), PASSED),)


class TestCredentials:
    """Whose key arrives upstream, and whose reaches the client."""

    def test_a_gateway_without_a_key_of_its_own_may_pass_the_client_s_on(self):
        assert (
            status("GW090", request_with(KEY, COOKIE), leaked(request_with(KEY, COOKIE)), baselines=PASSING)
            == "not-applicable"
        )

    def test_the_same_is_a_leak_where_the_owner_says_that_the_key_is_the_gateway_s(self):
        policy = GatewayPolicy(key="own")
        assert status("GW090", request_with(KEY), PASSED, baselines=PASSING, policy=policy) == "fail"

    def test_it_is_a_leak_on_one_route_where_others_have_a_key_of_the_gateway_s(self):
        assert status("GW090", request_with(KEY), PASSED, baselines=USUAL) == "fail"

    def test_a_masked_key_of_the_gateway_s_is_one_of_its_own(self):
        baselines = (pair(request_with(KEY), request_with(HIDDEN)),)
        assert status("GW090", request_with(KEY), PASSED, baselines=baselines) == "fail"
        assert status("GW090", request_with(KEY), request_with(HIDDEN), baselines=baselines) == "pass"
        assert status("GW091", request_with(KEY), request_with(HIDDEN), baselines=baselines) == "pass"
        for hidden, expected in (({"response", "upstream-key"}, "fail"), ({"response"}, "pass")):
            repeated = replace(request_with(KEY), hidden=frozenset(hidden))
            assert status("GW091", repeated, request_with(HIDDEN), baselines=baselines) == expected
        assert status("GW091", repeated, PASSED, baselines=PASSING) == "not-applicable"

    def test_a_placeholder_in_place_of_a_key_is_the_client_s(self):
        none = ("authorization", "Bearer no-key")
        assert status("GW090", request_with(none, COOKIE), request_with(none, COOKIE), baselines=()) == "not-applicable"
        assert status("GW092", request_with(none), request_with(none), baselines=()) == "pass"

    def test_a_masked_placeholder_is_the_client_s_too_and_no_key_of_the_gateway_s(self):
        none, masked = ("authorization", "Bearer no-key"), ("authorization", "****** ******")
        assert (
            status("GW090", request_with(none, COOKIE), request_with(masked, COOKIE), baselines=()) == "not-applicable"
        )
        assert status("GW090", request_with(none, COOKIE), request_with(HIDDEN, COOKIE), baselines=()) == "fail"

    def test_a_placeholder_beside_the_gateway_s_own_key_would_be_a_key(self):
        none, own = ("authorization", "Bearer no-key"), ("x-api-key", "sk-canary-upstream")
        assert status("GW090", request_with(none), request_with(none, own), baselines=()) == "fail"
        assert status("GW090", request_with(none), request_with(OWN), baselines=()) == "pass"

    def test_an_upstream_that_needs_no_key_gets_no_cookie_either(self):
        assert status("GW090", request_with(KEY, COOKIE), request_with(COOKIE), baselines=()) == "fail"
        assert status("GW090", request_with(KEY, COOKIE), request_with(), baselines=()) == "pass"
        assert status("GW092", request_with(KEY), request_with(), baselines=()) == "not-applicable"

    def test_a_key_in_the_body_is_found(self):
        body = request_with(OWN, body={"model": "m", "messages": [], "user": "********"})
        at = body.sent.index(b"********")
        in_body = replace(body, masked=(Span(at, at + 8, "sent"),))
        assert status("GW090", request_with(KEY), in_body, baselines=USUAL) == "fail"

    def test_another_client_s_made_up_key_is_its_own_credential_and_not_the_gateway_s(self):
        other = ("authorization", "Bearer sk-canary-other-client")
        assert status("GW090", request_with(other), request_with(other), baselines=PASSING) == "not-applicable"

    def test_a_failure_before_the_upstream_proves_nothing(self):
        refused = answered(error(), status=401, probe="chat.gateway.header.own")
        assert status("GW090", refused, baselines=USUAL) == "not-applicable"
        assert status("GW092", refused, baselines=USUAL) == "not-applicable"

    def test_the_upstream_s_key_in_an_error_is_found_without_a_request_upstream(self):
        shown = answered(error("sk-canary-upstream failed"), status=502, probe="chat.gateway.header.own")
        assert status("GW091", shown, baselines=USUAL) == "fail"

    def test_the_key_that_the_client_passes_on_must_arrive(self):
        policy = GatewayPolicy(key="client")
        assert status("GW092", request_with(KEY), request_with(), baselines=(), policy=policy) == "fail"
        assert status("GW092", request_with(), request_with(), baselines=(), policy=policy) == "pass"


class TestHeaders:
    """Which header fields arrive, in which form."""

    def test_betas_and_version_may_arrive_in_the_body(self):
        beta, version = ("anthropic-beta", "context-1m-2025-08-07"), ("anthropic-version", "2023-06-01")
        of_messages = {"probe": "messages.hello"}
        body = {"messages": [], "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["context-1m-2025-08-07"]}
        client = request_with(beta, version, **of_messages)
        for rule in ("GW097", "GW098"):
            assert status(rule, client, request_with(**of_messages, body=body)) == "pass"
            assert status(rule, client, request_with(**of_messages)) == "fail"

    def test_a_beta_that_is_dropped_in_a_further_attempt_is_lost_if_the_client_gets_its_response(self):
        of_messages = {"probe": "messages.gateway.fault.unknown-beta"}
        whole, bare = (
            request_with(("anthropic-beta", "a,b"), **of_messages),
            request_with(("anthropic-beta", "a"), **of_messages),
        )
        assert status("GW098", whole, whole, bare) == "fail"
        assert status("GW098", whole, bare, whole) == "pass"

    def test_a_gateway_may_add_betas_of_its_own(self):
        of_messages = {"probe": "messages.hello"}
        client, more = (
            request_with(("anthropic-beta", "a"), **of_messages),
            request_with(("anthropic-beta", "own,a"), **of_messages),
        )
        assert status("GW098", client, more) == "pass"

    def test_a_field_is_forwarded_if_the_policy_names_it(self):
        both_sides = request_with(("x-team-note", "blue"), KEY), request_with(("x-team-note", "blue"), OWN)
        assert status("GW094", *both_sides, baselines=USUAL) == "fail"
        assert status("GW094", *both_sides, baselines=USUAL, policy=GatewayPolicy(headers=("x-team-*",))) == "pass"
        passing = request_with(("x-team-note", "blue"), KEY), leaked(request_with(("x-team-note", "blue"), KEY))
        assert status("GW094", *passing, baselines=PASSING) == "not-applicable"

    def test_a_broken_traceparent_is_none(self):
        assert status("GW099", request_with(("traceparent", "00-xyz-1-01")), request_with()) == "not-applicable"

    def test_options_of_the_connection_itself_name_no_field(self):
        assert (
            status("GW096", request_with(("connection", "close, TE"), ("te", "trailers")), request_with())
            == "not-applicable"
        )


class TestHangUps:
    """When a hang-up arrives upstream, and what else happens by then."""

    @pytest.mark.parametrize(("after_ms", "expected"), [(0, "pass"), (300, "pass"), (2000, "pass"), (8000, "fail")])
    def test_a_hang_up_arrives_soon_or_late(self, after_ms, expected):
        assert status("GW103", left(500), upstream_at(20, 501 + after_ms)) == expected

    def test_a_reply_that_was_complete_before_proves_nothing(self):
        assert status("GW103", left(500), upstream_at(20, 400, "closed")) == "not-applicable"

    def test_a_reply_that_is_complete_soon_after_proves_nothing(self):
        assert status("GW103", left(500), upstream_at(20, 900, "closed")) == "untestable"

    def test_a_stall_of_the_harness_excuses_the_gateway(self):
        late = upstream_at(20, 4000)
        assert status("GW103", left(500), late) == "fail"
        assert status("GW103", left(500), replace(late, harness_stall_ns=2000 * MS)) == "pass"

    def test_a_client_that_did_not_leave_proves_nothing(self):
        early = answered(completion(), probe="chat.gateway.hang-up.waiting")
        assert status("GW103", early, upstream_at(20, 60, "closed")) == "untestable"
        busy = answered(error(), status=503, probe="chat.gateway.hang-up.waiting")
        assert status("GW104", busy, upstream_at(20, 60, "closed", 503)) == "not-applicable"

    def test_a_request_that_never_arrived_or_only_later_proves_nothing(self):
        assert status("GW103", left()) == status("GW104", left()) == "untestable"
        slow = upstream_at(1500, 1600)
        assert status("GW103", left(500), slow) == status("GW104", left(500), slow) == "untestable"

    def test_an_attempt_that_was_under_way_is_no_attempt_for_nobody(self):
        first = upstream_at(20, 30, "closed", 503)
        assert status("GW104", left(500), first, upstream_at(700, 800)) == "pass"
        assert status("GW104", left(500), first, upstream_at(1100, 1200)) == "fail"


class TestWaiting:
    """Whether clients wait for each other."""

    HELD = (took(10, 1590, **SLOW),)

    def test_others_that_are_refused_meanwhile_do_not_wait(self):
        others = [pair(replace(took(1, 50, **QUICK), id=f"q{n}")) for n in range(3)]
        assert status("GW105", took(0, 1600, **SLOW), *self.HELD, others=others) == "pass"

    def test_without_others_nothing_is_known(self):
        assert status("GW105", took(0, 1600, **SLOW), *self.HELD, others=[]) == "untestable"
        late = [pair(took(1650, 1700, **QUICK), took(1660, 1690, **QUICK))] * 3
        assert status("GW105", took(0, 1600, **SLOW), *self.HELD, others=late) == "untestable"

    def test_a_quick_request_is_not_the_one_that_others_wait_for(self):
        assert status("GW105", took(0, 90, **QUICK), took(10, 80, **QUICK), others=[pair(left())]) == "not-applicable"


class TestIsolation:
    """Whose text is in whose request and reply."""

    OTHERS = (pair(response_with(FOREIGN)),)

    def others(self):
        return [Pair(replace(one.client, nonce=FOREIGN, cache={}), one.upstream) for one in self.OTHERS]

    def test_a_nonce_that_comes_in_pieces_is_found(self):
        chunks = [
            {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            for piece in (FOREIGN[:7], FOREIGN[7:])
        ]
        mixed_up = streamed(*chunks, "[DONE]", probe="chat.gateway.burst.01")
        assert status("GW106", mixed_up, response_with("x"), others=self.others()) == "fail"

    def test_an_earlier_turn_of_the_client_s_own_may_have_another_nonce(self):
        body = {"model": "m", "messages": [{"role": "user", "content": FOREIGN}, {"role": "user", "content": "Hi"}]}
        turn = response_with(f"You said {FOREIGN}", body=body)
        assert status("GW106", turn, turn, others=self.others()) == "pass"
        assert status("GW107", turn, turn, others=self.others()) == "pass"

    def test_a_word_that_looks_like_a_nonce_and_is_nobody_s_is_only_a_word(self):
        word = response_with("quintessentially")
        assert status("GW106", word, word, others=self.others()) == "pass"

    def test_a_refusal_of_the_gateway_is_no_made_up_answer(self):
        refused = answered(error(), status=429, probe="chat.gateway.burst.01")
        assert status("GW108", refused) == "not-applicable"


class TestCaches:
    """Which answers may come from a cache."""

    FIRST = pair(reply_to(""), reply_to(""))
    DECLARED = GatewayPolicy(cache=True)
    MARKED = (JSON, ("age", "3"))

    def test_a_declared_cache_may_answer_an_equal_request(self):
        hit = reply_to(AGAIN, headers=self.MARKED)
        assert status("GW109", hit, first=self.FIRST, alike=(), policy=self.DECLARED) == "pass"
        assert status("GW109", hit, first=self.FIRST, alike=()) == "fail"

    def test_the_stored_answer_may_be_that_to_the_stream_before(self):
        streams = pair(reply_to(AGAIN, "q attempt 2"), reply_to(AGAIN, "q attempt 2"))
        hit = reply_to(AGAIN, "q attempt 2")
        assert status("GW109", hit, first=self.FIRST, alike=(streams,), policy=self.DECLARED) == "pass"
        assert status("GW109", hit, first=self.FIRST, alike=(), policy=self.DECLARED) == "fail"

    def test_fields_that_are_dropped_on_purpose_need_not_be_in_the_key(self):
        hit = reply_to("cap", headers=self.MARKED, cap=48)
        policy = GatewayPolicy(cache=True, dropped=("max_*",))
        assert status("GW111", hit, first=self.FIRST, policy=policy) == "not-applicable"
        assert status("GW111", hit, first=self.FIRST, policy=self.DECLARED) == "fail"

    def test_a_model_s_name_need_not_be_in_the_key_where_the_upstream_gets_another_one(self):
        hit = reply_to("model", headers=self.MARKED, model="other")
        policy = GatewayPolicy(cache=True, model="upstream-model")
        assert status("GW111", hit, first=self.FIRST, policy=policy) == "not-applicable"
        assert status("GW111", hit, first=self.FIRST, policy=self.DECLARED) == "fail"

    def test_a_refused_request_shows_nothing_of_the_key(self):
        refused = answered(error(), status=401, probe=f"chat.gateway.cache.{TENANT}")
        assert status("GW112", refused, first=self.FIRST) == "not-applicable"

    def test_without_an_answer_to_the_first_request_nothing_is_known(self):
        failed = pair(answered(error(), status=500, probe="chat.gateway.cache"), reply_to(""))
        assert status("GW109", reply_to(AGAIN), first=failed, alike=()) == "untestable"

    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            (("x-cache", "HIT from gw"), "pass"),
            (("x-litellm-cache-key", "ab12"), "pass"),
            (("cf-aig-cache-status", "MISS"), "fail"),
            (("cache-control", "max-age=60"), "fail"),
            (("age", "0"), "pass"),
        ],
    )
    def test_what_says_that_an_answer_is_stored(self, field, expected):
        assert status("GW110", reply_to(AGAIN, headers=(JSON, field)), first=self.FIRST) == expected


def test_an_ending_by_the_harness_itself_is_no_evidence_of_any_rule():
    stopped = replace(left(), ending=Ending("limit", "body", 0, "too large"))
    for name in ("GW090", "GW103", "GW104", "GW106", "GW108"):
        x, upstream = pair(stopped, upstream_at(20, 5000, "closed"))
        given = {"x": x, "upstream": upstream, "policy": Policy(), "baselines": (), "others": ()}
        assert decide(RULES[name], given, (x,))[0].value == "untestable"
