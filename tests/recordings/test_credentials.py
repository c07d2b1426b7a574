"""A credential is shown nowhere, and no mask changes a verdict."""

import base64
import io
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_files import JSON, exchange, har

from conformance import catalogue
from conformance.model.verdict import Status
from conformance.recordings.build import entry_of
from conformance.recordings.har import HAR
from conformance.recordings.proxied import entry_of as proxied_entry
from conformance.report.formats import har as har_format
from conformance.traffic import outcomes

RULES = catalogue.installed()
GOOD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1712345678,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
}
ASKED = {"model": "gpt-4o-2024-08-06", "messages": [{"role": "user", "content": "Hi"}]}
URL = "https://api.example/v1/chat/completions"
PATH = "/v1/chat/completions"
ODD_VALUES = ("1712345678", "chat.completion", "completion_tokens", "finish_reason", "gpt-4o-2024-08-06", "chatcmpl-1")


def asked(name, prefix=""):
    return lambda value: {"asked": {"Authorization": "Bearer sk-test-0123456789abcdef0123", name: prefix + value}}


def told(name, text="{}"):
    return lambda value: {"told": JSON | {name: text.format(value)}}


def queried(name):
    return lambda value: {"url": f"{URL}?{name}={quote(value, safe='')}"}


def member(name):
    return lambda value: {"body": json.dumps(ASKED | {"metadata": {name: value}})}


def basic(value):
    return {"asked": {"Authorization": "Basic " + base64.b64encode(f"me:{value}".encode()).decode()}}


HEADERS = (
    *("x-auth", "X-Custom-Auth", "Helicone-Auth", "cf-aig-authorization", "X-Authorization", "authentication", "x-jwt"),
    *("x-pass", "x-passwd", "x-accesstoken", "x-api-secret-value", "X-Session-Id", "X-Csrf-Token", "X-Csrf"),
    *(
        "x-ms-client-principal",
        "x-auth-request",
        "Proxy-Authorization",
        "X-Upstream-Token",
        "Ocp-Apim-Subscription-Key",
    ),
)
PARAMETERS = (
    *("auth", "jwt", "pass", "pwd", "authToken", "sas", "session", "hmac", "sig", "signature", "code", "apiKey"),
    *("subscription-key", "X-Goog-Credential", "id_token", "key"),
)
MEMBERS = ("api_key", "apiKey", "password", "token", "secret", "client_secret", "access_token")
PUBLIC = ("x-cache-key", "surrogate-key", "x-ratelimit-limit-token", "idempotency-key")
LOOSE = {
    "cookie": lambda value: asked("Cookie")(f"a=b; last={value}"),
    "set-cookie": told("Set-Cookie", "last={}; Path=/"),
    "location": told("Location", "https://api.example/?token={}"),
    "challenge": told("WWW-Authenticate", 'Bearer realm="{}"'),
    "referer": lambda value: asked("Referer")(f"https://app.example/?api_key={value}"),
    **{name: asked(name) for name in HEADERS},
    **{f"?{name}": queried(name) for name in PARAMETERS},
    **{f".{name}": member(name) for name in MEMBERS},
}
KEYS = {
    "bearer": lambda value: {"asked": {"Authorization": f"Bearer {value}"}},
    "x-api-key": lambda value: {"asked": {"x-api-key": value}},
    "basic": basic,
    "second": lambda value: {"asked": {"Authorization": f"Bearer abcdefgh12345678, Basic {value}"}},
    "user": lambda value: {"url": URL.replace("//", f"//me:{value}@")},
}
CREDENTIAL = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789", min_size=14, max_size=40).filter(
    lambda text: any(map(str.isdigit, text[:8])) and any(map(str.isalpha, text[:8])) and len(set(text)) > 7
)


def read(**changes):
    made = exchange(**({"body": json.dumps(ASKED), "answer": json.dumps(GOOD).encode()} | changes))
    (entry,) = json.loads(har([made]))["log"]["entries"]
    return entry_of(entry, HAR, "a.har#0")


def failures(found):
    judged = outcomes(found.exchange, RULES)
    return {rule.id: outcome.message for rule, outcome in judged if outcome.status in (Status.FAIL, Status.ERROR)}


@pytest.mark.parametrize("value", ODD_VALUES)
def test_an_odd_value_under_the_name_of_a_secret_changes_no_verdict(value):
    usual = failures(read())
    places = LOOSE | {name: told(name) for name in PUBLIC} | {f"asked {name}": asked(name) for name in PUBLIC}
    changed = {name: failed for name, place in places.items() if (failed := failures(read(**place(value)))) != usual}
    assert changed == {}


@pytest.mark.parametrize("key", ["123456", "171234", "1712345678", "gpt-4o", "chatcmpl-1", "completion_tokens"])
@pytest.mark.parametrize("place", KEYS)
def test_a_placeholder_within_a_longer_word_or_number_is_no_repetition(key, place):
    found = read(**KEYS[place](key))
    assert failures(found) == failures(read())
    assert found.exchange.masked == ()


def outputs(found):
    """What leaves the package of an entry, and the archive that is written of it."""
    out = io.StringIO()
    yield from (found.exchange.sent, found.exchange.received, repr(found).encode())
    with har_format.HarFile(out, creator=har_format.Creator(name="a", version="1")) as archive:
        archive.add_entry(**har_format._entry(replace(found.exchange, id="a"), found.at, "https://api.example"))
    yield out.getvalue().encode()


@pytest.mark.parametrize("place", [*LOOSE, *KEYS])
@settings(max_examples=5)
@given(secret=CREDENTIAL)
def test_a_credential_is_shown_nowhere_even_if_the_response_repeats_it(place, secret):
    answer = json.dumps({"error": {"message": f"wrong: {secret}, or {quote(secret)}"}}).encode()
    found = read(answer=b'{"error": {}}' if place == "challenge" else answer, **(LOOSE | KEYS)[place](secret))
    assert not [text for text in outputs(found) if secret.encode() in text]


def test_a_repeated_password_of_a_basic_credential_is_a_repeated_key():
    found = read(answer=b'{"error": {"message": "no: hunter2hunter2"}}', status=401, **basic("hunter2hunter2"))
    assert "ERR019" in failures(found)


def verdict(x, name):
    return next(outcome.status for rule, outcome in outcomes(x, RULES) if rule.id == name)


@pytest.mark.parametrize(
    ("rule", "text"),
    [("ERR019", "sk-test-0123456789abcdef0123"), ("ERR032", "https://up/?key=AIzaSyA0123456789abcdefghijklmnopqrstuv")],
)
def test_what_was_masked_before_does_not_pass(rule, text):
    answer = json.dumps({"error": {"message": f"wrong: {text}", "type": "t", "code": None, "param": None}}).encode()
    masked = read(answer=answer, status=400)
    (out,) = list(outputs(masked))[3:]
    (entry,) = json.loads(out)["log"]["entries"]
    again = entry_of(entry, HAR, "b.har#0")
    assert verdict(masked.exchange, rule) is (Status.FAIL if rule == "ERR019" else Status.UNTESTABLE)
    assert verdict(again.exchange, rule) is Status.UNTESTABLE
    assert verdict(read().exchange, rule) is not Status.UNTESTABLE


def test_a_request_whose_key_the_recorder_left_out_proves_nothing_about_it():
    assert verdict(read(asked={}).exchange, "ERR019") is Status.UNTESTABLE
    assert verdict(read(asked={"authorization": "REDACTED"}).exchange, "ERR019") is Status.UNTESTABLE
    assert verdict(read(asked={"authorization": "Bearer EMPTY"}).exchange, "ERR019") is Status.PASS


def test_the_proxy_masks_as_the_readers_do():
    from test_proxy_entries import HEAD, passed  # noqa: PLC0415 - the exchange of a neighbouring module

    body = json.dumps(GOOD).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: last_visit=1712345678\r\n\r\n"
    x = passed(HEAD + b"X-Auth: aB3dE6gH9jK2mN5p\r\n\r\n" + json.dumps(ASKED).encode(), head + body)
    found = proxied_entry(x, "api.example").exchange
    assert found.received.endswith(body)
    assert b"aB3dE6gH9jK2mN5p" not in found.sent
    assert found.hidden == frozenset()
