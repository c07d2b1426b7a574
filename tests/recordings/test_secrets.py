"""No secret of a recording is in what leaves the package, wherever it was, and nothing else is masked."""

import base64
import json

import pytest
from recording_files import ASKED, COMPLETION, FORMATS, JSON, exchange

from conformance.recordings.entry import Entry
from conformance.recordings.read import read
from conformance.recordings.secrets import masked_text

KEY = "sk-proj-aB3dE6gH9jK2mN5pQ8rS"
COOKIE = "0a1b2c3d4e5f6071"


@pytest.fixture
def read_as(tmp_path):
    def written(name, **changes):
        (tmp_path / "a").write_text(FORMATS[name]([exchange(**changes)]))
        (found,) = read(tmp_path / "a")
        return found

    return written


def everything(found):
    if not isinstance(found, Entry):
        return repr(found).encode()
    return found.exchange.sent + found.exchange.received + repr((found.model, found.client, found.host)).encode()


ODD_PLACES = {
    "bearer": {"asked": {"Authorization": f"Bearer {KEY}"}},
    "bare": {"asked": {"authorization": KEY}},
    "x-api-key": {"asked": {"X-Api-Key": KEY}},
    "api-key": {"asked": {"api-key": KEY}},
    "another field": {"asked": {"X-Upstream-Token": KEY}},
    "a field of any name": {"asked": {"X-Note": f"key {KEY}"}},
    "user agent": {"asked": {"user-agent": f"curl {KEY}"}},
    "query": {"url": f"https://api.example/v1/chat/completions?a=1&api_key={KEY}&b=2"},
    "query of another path": {"url": f"https://api.example/v1/embeddings?key={KEY}"},
    "another path": {"url": f"https://api.example/bot/{KEY}/messages/1"},
    "user": {"url": f"https://me:{KEY}@api.example/v1/chat/completions"},
    "model": {"body": json.dumps(ASKED | {"model": KEY})},
    "request body": {"body": json.dumps(ASKED | {"user": f"Bearer {KEY}"})},
    "response body": {"answer": COMPLETION.replace(b"caf", KEY.encode())},
    "response field": {"told": JSON | {"x-debug": KEY}},
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("place", ODD_PLACES)
def test_a_key_is_masked_wherever_it_is(name, place, read_as):
    found = read_as(name, **ODD_PLACES[place])
    assert KEY.encode() not in everything(found)


def test_the_value_of_a_key_is_masked_elsewhere_whatever_its_form(read_as):
    key = "corp/7f3a9c!k"
    repeats = [key, key.replace("/", "\\/"), base64.b64encode(key.encode()).decode(), "corp%2F7f3a9c%21k"]
    body = json.dumps({"error": "Wrong key: " + " ".join(repeats)}).replace("\\\\", "\\")
    found = read_as("har", asked={"x-api-key": key}, answer=body.encode(), status=401)
    assert not [repeat for repeat in repeats if repeat.encode() in everything(found)]
    first = found.exchange.masked[0]
    assert found.exchange.received[first.start : first.end] == b"*" * len(key)


def test_a_key_that_the_request_s_body_has_is_not_reported_as_repeated_by_the_target(read_as):
    body = json.dumps(ASKED | {"user": KEY})
    found = read_as("har", asked={"x-api-key": KEY}, body=body, answer=COMPLETION.replace(b"caf", KEY.encode()))
    assert found.exchange.masked == ()


@pytest.mark.parametrize("name", FORMATS)
def test_cookies_are_masked_in_both_directions(name, read_as):
    told = JSON | {"Set-Cookie": f"sid={COOKIE}; Path=/; expires=Thu, 01 Jan 2026 00:00:00 GMT"}
    answer = json.dumps({"error": COOKIE}).encode()
    found = read_as(name, asked={"Cookie": f"theme=dark; other={COOKIE}"}, told=told, answer=answer)
    assert COOKIE.encode() not in everything(found)
    assert b"theme" not in everything(found)


@pytest.mark.parametrize(
    "text",
    [
        "sk-ant-api03-aB3dE6gH9jK2mN5p",
        "gsk_aB3dE6gH9jK2mN5pQ8rS",
        "AIzaSyA1234567890abcdefghijklmnopqrstuvw",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.aB3dE6gH9jK2mN5p",
        "bearer abc123def",
        '\\"api_key\\": \\"hunter2hunter2\\"',
        '"Authorization": "Token hunter2"',
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_known_forms_of_keys_are_masked(text):
    masked = masked_text(f"({text})")
    assert "*****" in masked
    assert len(masked) == len(text) + 2


@pytest.mark.parametrize(
    "text",
    [
        "risk-assessment-of-2026-and-beyond",
        "Use Bearer authentication with a token.",
        "chatcmpl-sk-aB3dE6gH9jK2mN5pQ8rS",
        "sk-learn-is-a-library-for-python",
        '{"id": "resp_0123456789abcdef0123456789abcdef", "authorization": null, "api_key": {"type": "string"}}',
        "https://api.example/v1?model=key&monkey=7&max_tokens=5",
        "x-ratelimit-remaining-tokens: 1999",
        "Incorrect API key provided: sk-12***********34.",
    ],
)
def test_nothing_else_is_masked(text):
    assert masked_text(text) == text


def test_the_model_that_a_rate_limit_names_is_not_masked(read_as):
    told = JSON | {"X-Ratelimit-Key": "gpt-5-nano"}
    found = read_as("har", told=told, body=json.dumps(ASKED | {"model": "gpt-5-nano"}))
    assert found.model == "gpt-5-nano"
    assert b"X-Ratelimit-Key: **********" in found.exchange.received


def test_placeholders_are_masked_in_their_field_only(read_as):
    found = read_as("vcrpy-yaml", asked={"authorization": "Bearer openai"}, answer=b'{"error": "openai"}')
    assert b"authorization: Bearer ******\r\n" in found.exchange.sent
    assert found.exchange.received.endswith(b'{"error": "openai"}')


def test_the_details_of_damage_hold_no_secret(tmp_path):
    (tmp_path / "a.har").write_text(f'{{"log": {{"entries": [{{"a": 1}} {KEY}, {{}}]}}}}')
    found = list(read(tmp_path / "a.har"))
    assert [entry.why for entry in found] == ["damaged", "damaged"]
    assert "more follows" in found[0].detail
    assert KEY[:12] not in repr(found)
