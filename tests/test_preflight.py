"""The preflight: which requests it sends, and what dialect their responses show."""

import json

import pytest

from conformance import preflight
from conformance.apis.in_dialect import in_dialect
from conformance.model.dialect import USUAL, Dialect
from conformance.model.target import Target
from conformance.plan import plan
from conformance.rules.example import answered, error
from conformance.selftest import DEFAULT_PROFILES, run_subject
from conformance.testbed.mutations import changes
from conformance.testbed.server.simulate import BASE_URL, KEY, simulate_exchange

TARGET = Target(base_url=BASE_URL, model="reference")


def played(api, *names, target=TARGET, **keys):
    """The exchanges of an API's preflight against the reference with these changes."""
    planted = [changes.find(name) for name in names]
    seen = []
    while request := preflight.next_request(target, api, seen):
        seen.append(simulate_exchange(request, "native-sse", planted, **keys))
        assert len(seen) <= preflight.MOST_REQUESTS
    return seen


def steps(seen):
    return [x.case.subject for x in seen]


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_one_request_is_enough_for_a_model_that_takes_everything(api):
    seen = played(api)
    assert steps(seen) == ["smallest"]
    assert preflight.dialect_of(api, seen) == USUAL


def test_a_refused_cap_is_replaced_and_reasoning_leaves_room_for_text():
    seen = played("chat", "openai-reasoning")
    assert steps(seen) == ["smallest", "other-cap", "larger-cap"]
    dialect = preflight.dialect_of("chat", seen)
    assert dialect.cap_field == "max_completion_tokens"
    assert dialect.reasons
    assert dialect.least_cap > 24
    assert "max_completion_tokens" in dialect.refused["max_tokens"]


def test_a_target_that_takes_no_cap_is_asked_without():
    seen = played("chat", "caps-refused")
    assert steps(seen) == ["smallest", "other-cap", "no-cap"]
    dialect = preflight.dialect_of("chat", seen)
    assert (set(dialect.refused), dialect.cap_field, dialect.unknown) == (
        {"max_tokens", "max_completion_tokens"},
        None,
        "",
    )
    body = {"model": "m", "max_tokens": 1}
    assert in_dialect(body, "chat", dialect, subject="", shows_text=False) == {"model": "m"}
    assert in_dialect(body, "chat", dialect, subject="max_tokens", shows_text=False) == body


def test_reasoning_leaves_room_where_the_cap_keeps_its_name():
    seen = played("responses", "openai-reasoning")
    assert steps(seen) == ["smallest", "larger-cap"]
    dialect = preflight.dialect_of("responses", seen)
    assert (dialect.cap_field, dialect.reasons) == (None, True)
    assert dialect.least_cap > 24


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_cap_that_is_refused_as_too_small_is_raised_not_replaced(api):
    seen = played(api, "small-caps-refused")
    assert steps(seen) == ["smallest", "larger-cap"]
    assert preflight.dialect_of(api, seen) == Dialect(min_cap=16)


@pytest.mark.parametrize(
    "said",
    [
        "max_tokens must be greater than or equal to 16",
        "Range of max_tokens should be [16, 8192]",
        "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
    ],
)
def test_the_smallest_accepted_cap_is_read_from_the_error(said):
    request = preflight.next_request(TARGET, "chat", [])
    told = answered(error(said), status=400, probe="chat.preflight.smallest", body=json.loads(request.body))
    assert preflight.dialect_of("chat", [told]).min_cap == 16


def test_no_positive_cap_is_below_the_smallest_that_is_accepted():
    usual, adapted = bodies("chat", USUAL), bodies("chat", Dialect(min_cap=16))
    assert min(body["max_tokens"] for (name, _), body in usual.items() if name == "chat.witness.max_tokens") == 1
    for (name, mode), body in adapted.items():
        for cap in (body.get(field) for field in ("max_tokens", "max_completion_tokens")):
            assert not (type(cap) is int and 0 < cap < 16), (name, mode)
    assert adapted["chat.form.spelling", "stream"]["max_tokens"] == 16
    assert {n: b for n, b in adapted.items() if n[0] == "chat.range.max_tokens"} == {
        n: b for n, b in usual.items() if n[0] == "chat.range.max_tokens"
    }


@pytest.mark.parametrize("name", ["reasoning-cap-stop", "hidden-reasoning-cap-stop"])
def test_a_cap_that_reasoning_used_up_counts_even_if_the_target_claims_a_natural_end(name):
    seen = played("chat", name)
    assert steps(seen) == ["smallest", "larger-cap"]
    dialect = preflight.dialect_of("chat", seen)
    assert dialect.reasons
    assert dialect.least_cap > 16


def test_a_key_that_messages_refuse_is_tried_in_the_other_header():
    request = preflight.next_request(TARGET, "messages", [])
    refused = simulate_exchange(request, "native-sse", wanted="another key")
    second = preflight.next_request(TARGET, "messages", [refused])
    sent = {name.lower(): value for name, value in second.headers}
    assert sent["x-api-key"] == "{key}"
    assert "authorization" not in sent
    accepted = simulate_exchange(second, "native-sse", wanted=KEY)
    assert preflight.next_request(TARGET, "messages", [refused, accepted]) is None
    dialect = preflight.dialect_of("messages", [refused, accepted])
    assert dialect.key_header == "x-api-key"
    planned = plan(TARGET, ("claude-sdk",), "gate", {"messages": dialect})
    assert planned
    assert not any(name.lower() == "authorization" and "{key}" in v for r in planned for name, v in r.headers)


def test_chat_is_not_tried_in_a_header_that_no_sdk_of_it_sends():
    refused = played("chat", wanted="another key")
    assert steps(refused) == ["smallest"]


def test_a_dialect_in_the_targets_file_needs_one_request():
    known = Dialect(cap_field="max_completion_tokens", least_cap=65)
    target = Target(base_url=BASE_URL, model="reference", dialect={"chat": known})
    seen = played("chat", "openai-reasoning", target=target)
    assert steps(seen) == ["smallest"]
    assert b'"max_completion_tokens":1' in seen[0].sent


def test_a_dialect_in_the_targets_file_that_the_target_contradicts_is_found_out_again():
    known = Dialect(cap_field="max_tokens")
    target = Target(base_url=BASE_URL, model="reference", dialect={"chat": known})
    seen = played("chat", "openai-reasoning", target=target)
    assert steps(seen) == ["smallest", "other-cap", "larger-cap"]
    assert preflight.settled(target, "chat", seen).cap_field == "max_completion_tokens"
    assert preflight.settled(target, "chat", played("chat", target=target)) == known


def bodies(api, dialect, suite="full"):
    """The JSON bodies of the harness's own requests, by probe and mode."""
    found = {}
    for request in plan(TARGET, ("openai-python",), suite, {api: dialect}):
        case = request.cases[0]
        if request.method == "POST" and case.api == api and case.kind not in ("hello", "mistake", "sibling"):
            found[case.probe, case.mode] = json.loads(request.body)
    return found


def test_every_probe_is_asked_in_the_dialect_except_for_what_it_tests():
    dialect = Dialect(
        cap_field="max_completion_tokens", least_cap=49, refused={"max_tokens": "no", "temperature": "no"}
    )
    usual, adapted = bodies("chat", USUAL), bodies("chat", dialect)
    assert usual.keys() <= adapted.keys()
    capped = {name for name, body in usual.items() if "max_tokens" in body}
    assert len(capped) > 60
    still = {name for (name, _), body in adapted.items() if body.get("max_tokens") is not None}
    assert still == {
        *("chat.witness.max_tokens", "chat.form.both-caps", "chat.wrong-type.max_tokens"),
        *("chat.range.max_tokens",),
    }
    assert {n for n, body in adapted.items() if "temperature" in body} == {
        name for name, body in usual.items() if "temperature" in name[0] and "temperature" in body
    }
    assert adapted["chat.twin", "unary"]["max_completion_tokens"] == 16 + 48
    assert adapted["chat.wrong-type.top_p", "unary"]["max_completion_tokens"] == 1
    assert adapted["chat.witness.max_completion_tokens", "unary"]["max_completion_tokens"] == 1


def test_frameworks_are_sent_as_captured_in_any_dialect():
    dialect = Dialect(cap_field="max_completion_tokens", least_cap=49, refused={"temperature": "no", "stream": "no"})
    usual, adapted = (plan(TARGET, DEFAULT_PROFILES, "smoke", {"chat": d}) for d in (USUAL, dialect))
    greetings = [r for r in usual if r.cases[0].kind == "hello"]
    assert greetings
    assert greetings == [r for r in adapted if r.cases[0].kind == "hello"]


def test_a_recording_without_dialect_is_reused_only_where_the_request_is_the_same():
    run, usual = run_subject("openai-reasoning", "gate"), run_subject("native-sse", "gate")
    assert run.facts.dialects["chat"].cap_field == "max_completion_tokens"
    capped = run.exchanges["chat.long-openai-python-stream"]
    assert b"max_completion_tokens" in capped.sent
    assert b"max_completion_tokens" not in usual.exchanges[capped.id].sent


def test_the_longest_preflight_is_bounded():
    apis = ("chat", "messages", "responses")
    assert len(preflight.longest(TARGET, apis)) == preflight.MOST_REQUESTS == 6
    known = Target(base_url=BASE_URL, model="reference", dialect=dict.fromkeys(apis, USUAL))
    assert sum(r.max_tokens for r in preflight.longest(known, apis)) < 32
