"""AUTH: requests without a key are rejected; a target, or a run, without a key is allowed."""

import gzip

import pytest

from conformance.apis.websocket import NO_KEY
from conformance.model.verdict import Finding, Status
from conformance.rules.auth.example import BASELINE_RESPONSE, KEY, NONE, REFUSED, REFUSED_BARE, WRONG
from conformance.rules.auth.keys import (
    BARE,
    key_not_checked,
    sdk_headers_refused,
    wrong_key_accepted,
    wrong_key_as_500,
    wrong_key_sent_back,
    x_api_key_refused,
)
from conformance.rules.auth.routes import models_listed_to_anyone, route_without_a_lock
from conformance.rules.example import answered, completion, error
from conformance.rules.rsp.example import BASELINE_RESPONSE as RESPONSE
from conformance.rules.rsp.example import state
from conformance.rules.rsp.websocket_example import ACCEPTED as PROOF
from conformance.rules.rsp.websocket_example import answered as spoken
from conformance.rules.rsp.websocket_example import conversation, create, handshake, messages, refused
from conformance.testbed.mutations import changes
from conformance.testbed.mutations.defects import auth as defects

KINDS = ("hello", "auth", "models", "sibling", "bare", "witness")


def yielded(rule, *given):
    if skip := rule.applies_to(given[0]):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


@pytest.mark.parametrize("deployment", ["native-sse", "stopgap-501", "silent-json", "sse-proxy"])
def test_a_good_lock_is_good_on_every_deployment(judged, deployment):
    verdicts = [v for v in judged(deployment=deployment, kinds=KINDS).verdicts if v.rule.startswith("AUTH")]
    assert {v.status for v in verdicts} <= {Status.PASS, Status.NOT_APPLICABLE}
    assert Status.PASS in {v.status for v in verdicts}


@pytest.mark.parametrize("change", [None, *defects.KEYS[:6]], ids=lambda change: change.name if change else "good")
def test_a_run_without_a_key_fails_nothing_of_the_kind(judged, change):
    verdicts = judged(change, kinds=KINDS, key=None).verdicts
    ours = [v for v in verdicts if v.rule.startswith("AUTH") and v.rule != "AUTH006"]
    assert ours
    assert Status.FAIL not in {v.status for v in ours}


def test_a_target_that_asks_for_no_key_is_not_applicable(judged):
    open_to_all = changes.find("no-key-needed")
    (verdict,) = [
        v
        for v in judged(open_to_all, kinds=KINDS).verdicts
        if v.rule == "AUTH001" and v.api == "messages" and v.probe.endswith("wrong-key")
    ]
    assert (verdict.status, verdict.message) == (Status.NOT_APPLICABLE, "the target requires no API key")


ACCEPTED = answered(completion(), **WRONG)
KEYLESS = answered(completion(), request_headers=[("authorization", "Bearer no-key")])


@pytest.mark.parametrize(
    ("hello", "bare", "expected"),
    [
        (KEYLESS, REFUSED_BARE, Status.NOT_APPLICABLE),
        (answered(error(), status=500), REFUSED_BARE, Status.UNTESTABLE),
        (BASELINE_RESPONSE, answered(completion(), **NONE), Status.NOT_APPLICABLE),
        (BASELINE_RESPONSE, answered("", status=502, **NONE), Status.UNTESTABLE),
        (BASELINE_RESPONSE, answered(error(), status=429, **NONE), Status.UNTESTABLE),
    ],
)
def test_where_a_wrong_key_that_is_accepted_proves_nothing(hello, bare, expected):
    assert yielded(wrong_key_accepted, ACCEPTED, hello, bare) == [expected]


def test_a_rate_limit_is_no_answer_to_a_key():
    limited = answered(error(), status=429, **WRONG)
    assert yielded(wrong_key_accepted, limited, BASELINE_RESPONSE, REFUSED_BARE) == [Status.UNTESTABLE]
    assert yielded(wrong_key_as_500, limited, BASELINE_RESPONSE) == [Status.UNTESTABLE]


def test_a_target_that_is_overloaded_is_not_blamed():
    busy = answered(error(), status=503, headers=[("retry-after", "3")], **WRONG)
    assert yielded(wrong_key_as_500, busy, BASELINE_RESPONSE) == [Status.UNTESTABLE]


def test_the_wrong_key_is_found_in_a_compressed_reply_too():
    text = gzip.compress(b'{"error": {"message": "wrong-key-0123456789-of-nobody"}}')
    coded = answered(text, status=401, headers=[("content-encoding", "gzip")], **WRONG)
    assert len(yielded(wrong_key_sent_back, coded)) == 1


def test_a_page_in_place_of_another_route_opens_nothing():
    page = answered("<html></html>", probe="chat.sibling.completions")
    assert yielded(route_without_a_lock, page, BASELINE_RESPONSE, REFUSED_BARE) == []


def test_where_the_api_itself_asks_for_no_key_no_route_has_to():
    answer = answered({"choices": []}, probe="chat.sibling.completions")
    assert yielded(route_without_a_lock, answer, BASELINE_RESPONSE, answered(completion(), **NONE)) == [
        Status.NOT_APPLICABLE
    ]


def test_models_that_are_not_listed_are_listed_to_nobody():
    missing = answered({"detail": "Not Found"}, status=404, probe="chat.models.wrong-key")
    assert yielded(models_listed_to_anyone, missing, BASELINE_RESPONSE, REFUSED) == [Status.NOT_APPLICABLE]


def test_one_greeting_that_failed_does_not_accuse_the_headers():
    down = answered("", status=502)
    assert yielded(sdk_headers_refused, answered(completion(), **BARE), down, BASELINE_RESPONSE) == []


def test_a_key_is_called_unchecked_only_where_one_was_given_and_none_is_needed():
    open_to_wrong, open_to_all = answered(completion(), **WRONG), answered(completion(), **NONE)
    assert len(yielded(key_not_checked, open_to_wrong, BASELINE_RESPONSE, open_to_all)) == 1
    assert yielded(key_not_checked, open_to_wrong, answered(completion()), open_to_all) == [Status.NOT_APPLICABLE]
    assert yielded(key_not_checked, open_to_wrong, BASELINE_RESPONSE, REFUSED_BARE) == []


def test_a_key_refused_in_one_header_and_accepted_in_the_other_is_no_refused_key():
    bearer = answered(error("Invalid bearer token."), status=401, **KEY)
    by_own_header = answered({"type": "message", "content": []}, probe="messages.auth.x-api-key")
    [said] = x_api_key_refused.check(by_own_header, bearer)
    assert (said.status, "accepts the API key as x-api-key" in said.reason) == (Status.UNTESTABLE, True)
    [said] = x_api_key_refused.check(answered(error(), status=401, probe="messages.auth.x-api-key"), bearer)
    assert "‘Invalid bearer token.’" in said.reason


OVER = {"subject": NO_KEY}
TO_RESPONSES = (
    answered(RESPONSE, probe="responses.hello", **KEY),
    answered(error("No."), status=401, probe="responses.auth.no-key"),
)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (handshake(PROOF, **OVER), []),
        (conversation((create(), []), **OVER), []),
        (conversation((create(), refused("invalid_api_key", 401)), **OVER), []),
        (conversation((create(), messages(state("created"), state("completed", output=[]))), **OVER), []),
        (conversation((create(), spoken()), **OVER), ["the WebSocket returns a completion without an API key"]),
        (conversation((create(), spoken()[:4]), **OVER), ["the WebSocket returns a completion without an API key"]),
        (answered(error("No."), status=401, probe="responses.websocket.no-key"), []),
        (answered(error("No."), status=405, probe="responses.websocket.no-key"), []),
        (handshake(PROOF, subject="turns"), [Status.NOT_APPLICABLE]),
    ],
)
def test_a_websocket_may_ask_for_the_key_at_its_first_event(x, expected):
    found = yielded(route_without_a_lock, x, *TO_RESPONSES)
    assert [str(seen).partition(";")[0] if isinstance(seen, str) else seen for seen in found] == expected
