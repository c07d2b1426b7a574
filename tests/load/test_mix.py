"""Which requests a load test sends."""

import json
from collections import Counter

import pytest

from conformance.apis.load_prompts import numbers, user_turn
from conformance.load.mix import ALONE, Mix, jobs
from conformance.model.case import Kind
from conformance.model.dialect import Dialect
from conformance.model.target import Target

TARGET = Target(base_url="http://127.0.0.1/v1", model="our-model")
PROFILES = ("hermes", "letta", "claude-sdk")


def mix(**changes):
    usual = {"target": TARGET, "run": 5, "jobs": jobs(TARGET, PROFILES), "dialects": {}}
    return Mix(**usual | changes)


def test_each_user_sends_all_kinds_of_requests():
    ours = mix()
    kinds = {(j.profile.name, j.mode, j.task) for j in ours.jobs}
    for user in (1, 2, 30):
        sent = {ours.request(user, turn).id.split("-", 3)[3] for turn in range(len(ours.jobs))}
        assert len(sent) == len(kinds) == 6 + 2 * 2 * 2


def test_most_requests_are_texts():
    tasks = Counter(job.task for job in jobs(TARGET, PROFILES))
    assert tasks == {"text": 36, "tool": 4, "mistake": 4}


def test_users_in_the_same_turn_send_different_requests():
    ours = mix()
    first = [ours.request(user, 0).id.split("-", 3)[3] for user in range(1, 9)]
    assert len(set(first)) > 3


def test_each_request_has_a_nonce_of_its_own_in_its_text():
    ours = mix()
    requests = [*ours.alone(), *(ours.request(user, turn) for user in range(1, 20) for turn in range(20))]
    assert len({request.nonce for request in requests}) == len({request.id for request in requests}) == len(requests)
    for request in requests:
        assert request.nonce.encode() in request.body
        assert user_turn(request.nonce).run == 5


def test_the_same_request_is_sent_after_the_load():
    ours = mix(hang_ups=1.0)
    under, after = ours.request(3, 4), ours.request(3, 4, "after")
    assert (under.body, under.headers, under.nonce) == (after.body, after.headers, after.nonce)
    assert under.id != after.id
    assert after.disconnect_after_events is None


def test_some_requests_of_each_kind_are_sent_alone_first():
    ours = mix()
    sent = Counter((r.cases[0].profile, r.cases[0].mode, r.cases[0].subject) for r in ours.alone())
    assert {(task, count) for (_, _, task), count in sent.items()} == set(ALONE.items())
    assert {r.cases[0].variant for r in ours.alone()} == {"alone"}
    assert {r.cases[0].kind for r in ours.alone()} == {Kind.USERS}


def test_the_share_of_disconnects_is_as_asked_and_spares_other_requests():
    ours = mix(hang_ups=0.2)
    requests = [ours.request(user, turn) for user in range(1, 60) for turn in range(20)]
    texts = [r for r in requests if r.cases[0].subject == "text"]
    left = [r for r in requests if r.disconnect_after_events is not None]
    assert {*left} <= {*texts}
    assert 0.15 < len(left) / len(texts) < 0.25
    assert all(r.disconnect_after_events is None for r in ours.alone())


def test_texts_are_asked_as_the_framework_asks():
    ours = mix(jobs=tuple(job for job in jobs(TARGET, ("hermes",)) if job.task == "text" and job.mode == "stream"))
    request = ours.request(1, 0)
    body = json.loads(request.body)
    assert (body["model"], body["stream"], body["stream_options"]) == ("our-model", True, {"include_usage": True})
    assert f"count from {numbers(request.nonce)[0]} to" in body["messages"][0]["content"]
    assert "tools" not in body
    assert dict(request.headers)["Authorization"] == "Bearer {key}"


@pytest.mark.parametrize(("profile", "place"), [("hermes", "function"), ("claude-sdk", "input_schema")])
def test_tools_are_asked_in_the_form_of_the_api(profile, place):
    ours = mix(jobs=tuple(job for job in jobs(TARGET, (profile,)) if job.task == "tool"))
    request = ours.request(1, 0)
    (offered,) = json.loads(request.body)["tools"]
    assert request.nonce in json.dumps(offered[place])
    assert json.loads(request.body)["tool_choice"] in ("required", {"type": "any"})


def test_a_mistake_names_a_model_that_does_not_exist():
    ours = mix(jobs=tuple(job for job in jobs(TARGET, PROFILES) if job.task == "mistake"))
    request = ours.request(1, 0)
    assert json.loads(request.body)["model"] == f"missing-{request.nonce}"


def test_models_that_reason_are_asked_in_their_dialect():
    dialect = Dialect(cap_field="max_completion_tokens", least_cap=500, reasons=True, refused={"max_tokens": "no"})
    ours = mix(jobs=jobs(TARGET, ("hermes",)), dialects={"chat": dialect})
    body = json.loads(ours.request(1, 0).body)
    assert body["max_completion_tokens"] > 600
    assert not {"max_tokens", "temperature"} & set(body)
