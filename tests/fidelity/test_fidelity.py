"""The measuring tools: the stage, the scenes, and the outcome computed from the client's result."""

import http.client
import json
import re
from contextlib import closing
from datetime import UTC, datetime

import pytest
from capture import kept, renewed
from environments import ENVIRONMENTS, LEFT_OUT
from measure import BY_NAME, Cell, are_alike, cell_of
from msgspec.structs import replace
from scenes import FEW, SCORES, greeting, is_worth_playing, scenes, whole
from stage import exchange, playing

from conformance.clients import CLIENTS
from conformance.model.words import MODES
from conformance.parsing.http1 import reply
from conformance.profiles.recording import FOLDER, read

JOB = {"client": "openai-python 3.54", "mode": "stream"}


def post(url, path, body, **headers):
    host, port = url.removeprefix("http://").partition("/")[0].split(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_stage_plays_and_keeps_what_crossed_the_connection():
    body = dict(greeting("chat", "stream").json)
    with playing([scenes("chat")["native-sse"], scenes("chat")["500"]]) as (good, bad):
        status, said = post(good.url, "/v1/chat/completions", body, **{"X-Odd-Case": "1"})
        assert post(bad.url, "/v1/chat/completions", body)[0] == 500
        assert post(good.url, "/v1/nothing", {})[0] == 404
    assert status == 200
    assert [x.mode for x in good.exchanges] == ["stream"]
    assert reply(good.exchanges[0]).content == said
    assert b"X-Odd-Case: 1\r\n" in good.exchanges[0].sent
    assert len(bad.exchanges) == 1


def played(name, said, mode="stream"):
    """The cell of one request with this driver result."""
    scene = scenes("chat")[name]
    asked = greeting("chat", mode)
    x = exchange(asked, asked.headers, scene(asked), 1)
    answer = {"text": "", "tools": [], "error": None} | said
    return cell_of(JOB | {"mode": mode}, scene, [x], answer)


@pytest.mark.parametrize(
    ("name", "said", "outcome"),
    [
        ("native-sse", {"text": whole(greeting("chat", "stream"))}, "text"),
        ("silent-json", {}, "empty_silent"),
        ("sse_trunc_event_boundary", {"text": "Good day, and"}, "partial_text"),
        ("sse_error_mid_stream", {"text": "Good day", "error": "APIError: gone"}, "partial_text+exception"),
        ("501_json_error", {"error": "InternalServerError: no"}, "exception"),
        ("chunks-by-hand", {"text": whole(greeting("chat", "stream"))}, "partial_text"),
        ("data_after_done", {"text": "Good day, and welcome to the harbour. Mind the step."}, "text"),
        ("native-sse", {"text": whole(greeting("chat", "stream")) + " Good day"}, "text+"),
        ("native-sse", {"tools": [["todo", "{"]]}, "tool_bad"),
        ("native-sse", {"error": "TimeoutError: too long"}, "hang"),
    ],
)
def test_what_a_user_got_becomes_an_outcome(name, said, outcome):
    assert played(name, said).seen == (outcome, 1)


def test_a_cell_agrees_where_outcome_and_requests_do_and_a_client_that_still_tries_by_its_outcome():
    made = {"client": "x", "scene": "y", "mode": "stream"}
    assert Cell(**made, seen=("text", 1), predicted=("text", 1)).agrees
    assert not Cell(**made, seen=("text", 1), predicted=("text", 2)).agrees
    assert Cell(**made, seen=("hang", 8), predicted=("hang", 11)).agrees
    assert not Cell(**made, seen=("hang", 8), predicted=("exception", 8)).agrees


def test_the_few_scenes_are_there_and_all_show_something():
    for api in ("chat", "messages"):
        found = scenes(api)
        missing = {name for name in FEW if name not in found}
        assert missing == ({"missing_finish_reason"} if api == "messages" else {"an_no_content_block_start"})
        shown = {name for name in FEW if name in found and any(is_worth_playing(found[name], api, m) for m in MODES)}
        assert {"silent-json", "stopgap-501", "sse_empty", "501_json_error"} <= shown


def test_every_client_is_measured_or_left_out_with_a_reason():
    measured = {client for environment in ENVIRONMENTS for client, _, _ in environment.surfaces.values()}
    assert set(BY_NAME) == measured | set(LEFT_OUT)
    assert not measured & set(LEFT_OUT)
    assert len(BY_NAME) == sum(map(len, CLIENTS.values()))


def test_requirements_are_pinned_and_name_no_host():
    for environment in ENVIRONMENTS:
        told = environment.requirements.read_text()
        assert "://" not in told
        if not environment.on_node:
            assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z,]+\])?(==[0-9.]+|<[0-9]+)", line) for line in told.split())


def captured_of(**fields):
    """A framework's request with everything that a recording must not keep."""
    told = [{"role": "system", "content": "Be kind to them."}, {"role": "user", "content": "Say hello."}]
    seen = {"type": "object", "properties": {"description": {"type": "string", "description": "What is seen."}}}
    tool = {"name": "look", "description": "Look around.", "input_schema": seen}
    ids = {"metadata": {"user_id": "a1b2c3d4" * 8 + "_0f0e0d0c-1a1b-4c1d-8e1f-101112131415"}}
    body = {"model": "reference", "messages": told, "tools": [tool]} | ids | fields
    headers = (("Host", "127.0.0.1"), ("X-Key", "sk-no-secret"), ("Content-Length", "1"))
    return "/v1/messages?beta=true", headers, json.dumps(body).encode()


def test_a_recording_keeps_shapes_and_sizes_and_neither_texts_nor_ids():
    sent, query = kept(captured_of(stream=True))
    assert query == "?beta=true"
    assert sent.headers == {"X-Key": "{key}"}
    seen = {"type": "object", "properties": {"description": {"type": "string", "description": "{prose:13}"}}}
    assert sent.body == {
        "model": "{model}",
        "messages": [{"role": "system", "content": "{prose:16}"}, {"role": "user", "content": "Say hello."}],
        "tools": [{"name": "look", "description": "{prose:12}", "input_schema": seen}],
        "metadata": {"user_id": "0" * 64 + "_00000000-0000-4000-8000-000000000000"},
        "stream": True,
    }


def test_a_recording_is_renewed_with_its_day_only_where_something_changed():
    recording = read(FOLDER / "openai-python.json")[0]
    both = {"stream": captured_of(stream=True), "unary": None}
    new = renewed(recording, both, recording.packages)
    assert new.unary.body == {name: value for name, value in new.stream.body.items() if name != "stream"}
    assert new.captured == f"{datetime.now(UTC):%Y-%m-%d}"
    old = replace(new, captured="2020-01-01")
    assert renewed(old, both, recording.packages) == old
    assert renewed(old, both, {"openai": "9.9.9"}).packages == {"openai": "9.9.9"}


def test_a_recording_of_what_never_streams_has_no_stream():
    recording = next(r for r in read(FOLDER / "crewai.json") if r.api == "embeddings")
    asked = {"unary": ("/v1/embeddings", (("X-Key", "sk-no-secret"),), b'{"input": ["Say hello."]}')}
    new = renewed(recording, asked, recording.packages)
    assert (new.stream, new.query) == (None, "")
    assert new.unary.body == {"input": ["Say hello."], "model": "{model}"}


def test_numbers_are_alike_up_to_rounding():
    stored = [[0.5, 0.9999999403953552], [True, None]]
    assert are_alike(stored, [[0.5, 1.0], [True, None]])
    for other in ([[0.5, 1.0]], [[0.5, 1.001], [True, None]], [[0.5, None], [True, None]], None):
        assert not are_alike(stored, other)


def test_a_scene_that_changes_scores_alone_is_worth_playing():
    api = "completions"
    found = [s.name for s in scenes(api).values() if is_worth_playing(s, api, "unary")]
    assert "native-sse" in found
    plain, scored = greeting(api, "unary"), greeting(api, "unary", **SCORES)
    alone = [name for name in found if scenes(api)[name](plain) == scenes(api)["native-sse"](plain)]
    assert len(alone) > 1
    assert all(scenes(api)[n](scored) != scenes(api)["native-sse"](scored) for n in alone if n != "native-sse")
