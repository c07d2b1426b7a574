"""Fuzzing: it finds nothing on a conformant deployment, and ten planted bugs."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance import schemas
from conformance.fuzz import openapi
from conformance.fuzz.cases import hello, kinds, to_json
from conformance.fuzz.export_test import as_test
from conformance.fuzz.from_openapi import documented
from conformance.fuzz.resend import case_of, resend
from conformance.fuzz.run import fuzz_run
from conformance.model.target import Target
from conformance.model.words import APIS, GENERATIVE
from conformance.runner import RunOptions
from conformance.storage.memory import InMemoryRun
from conformance.testbed.mutations.changes import find
from conformance.testbed.mutations.mutate_requests import dropping
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.reply import Mutation, WireResponse, Write
from conformance.testbed.server.serve import running
from conformance.transport.limits import Limits

ROOT = Path(__file__).parents[2]
DEEP = re.compile(rb"\[{50}|(?:\{\"a\":){50}")
CRASH = b'{"error":{"message":"Internal error","type":"server_error","param":null,"code":null}}'
TRACE = b'Traceback (most recent call last):\n  File "/srv/app/main.py", line 7, in ask\nIndexError: list index'


def said(status, raw, media_type="application/json"):
    headers = (("content-type", media_type),)
    return WireResponse(status=status, headers=headers, pieces=(Write(data=raw),), framing="length")


def values(value):
    """All values inside a value."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from values(item)


def contents(request):
    body = json.loads(request.body) if isinstance(request.json, dict) else {}
    turns = body.get("messages")
    return [m.get("content", "") for m in turns if isinstance(m, dict)] if isinstance(turns, list) else []


def has(request, test):
    try:
        return any(map(test, values(json.loads(request.body))))
    except ValueError:
        return False


PLANTED = {
    "a hang on depth": (
        lambda a: DEEP.search(a.body), lambda r, _: replace(r, pieces=(), end="hold", hold_s=20), "depth"),
    "a list is answered": (lambda a: a.body[:1] == b"[", None, "no-json"),
    "NaN is taken": (lambda a: b":NaN" in a.body, None, "extended"),
    "a crash on large integers": (
        lambda a: has(a, lambda v: type(v) is int and abs(v) >= 2**63), lambda *_: said(500, CRASH), "above-64-bits"),
    "a crash on half a character": (lambda a: b"\\ud83d" in a.body, lambda *_: said(500, CRASH), "text-half"),
    "a page for NUL": (lambda a: b"\\u0000" in a.body, lambda *_: said(400, b"<h1>Bad</h1>", "text/html"), "text-nul"),
    "a crash on null content": (lambda a: None in contents(a), lambda *_: said(500, CRASH), "content-null"),
    "a trace for no messages": (
        lambda a: a.json and a.json.get("messages") == [], lambda *_: said(400, TRACE, "text/plain"),
        "conversation-none"),
    "a crash on names twice": (lambda a: a.body.count(b'"model":') > 1, lambda *_: said(500, CRASH), "names-twice"),
    "a reset on long texts": (
        lambda a: len(a.body) > 100_000, lambda r, _: replace(r, pieces=(), end="reset", head=b""), "long-text"),
}  # fmt: skip
"""The planted bugs: the condition, the response (None: a valid completion), and the start of the case's name."""


def planted(name, api="chat"):
    when, then, _ = PLANTED[name]

    def reply(made, request):
        if request.api != api or not when(request):
            return made
        if then:
            return then(made, request)
        body = json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "m"})
        choice = '"choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"logprobs":null,'
        return said(200, f'{body[:-1]},{choice}"finish_reason":"stop"}}]}}'.encode())

    return Mutation(name=re.sub(r"\W+", "-", name), title=name, caught_by="ERR003", on_wire=reply)


class Nobody:
    """Ignores progress."""

    def total(self, requests):
        assert requests > 0

    def done(self, exchange):
        assert exchange.id


PATIENT = Limits()
IMPATIENT = Limits(timeout_s=8.0, silence_s=4.0, first_byte_s=4.0)
"""For a server that hangs on purpose."""


def hunted(changes, tmp_path, *, examples, seed, apis=("chat",), limits=PATIENT):
    store = InMemoryRun()
    with running(DEPLOYMENTS["native-sse"], changes) as url:
        target = Target(base_url=url, model="reference", apis=apis)
        options = RunOptions(target=target, profiles=(), limits=limits)
        facts = fuzz_run(options, store, Nobody(), examples=examples, seed=seed, kept=tmp_path, report=lambda _: None)
    return facts, store


def bodies(store):
    return {x.sent.partition(b"\r\n\r\n")[2] for x in store.written.values() if x.case.kind == "fuzz"}


EXAMPLES = 60


@pytest.mark.parametrize("api", ["chat", *(pytest.param(api, marks=pytest.mark.verify) for api in APIS[1:])])
def test_the_strict_deployment_has_no_fault(api, tmp_path):
    facts, store = hunted((), tmp_path, examples=EXAMPLES, seed=7, apis=(api,))
    assert {x.case.kind for x in store.written.values()} == {"preflight", "hello"}
    assert (facts.seed, facts.stopped) == (7, "")


def test_cases_are_sent_in_the_dialect_of_the_model(tmp_path):
    served = []

    def noted(request):
        served.append(request.body)
        return request

    watched = Mutation(name="watched", title="The bodies of all requests are noted", on_request=noted)
    facts, _ = hunted((watched, find("openai-reasoning")), tmp_path, examples=5, seed=7)
    assert facts.dialects["chat"].cap_field == "max_completion_tokens"
    cases = [body for body in served[5:] if b"max_" in body]
    assert cases
    assert not any(b'"max_tokens"' in body for body in cases)


@pytest.mark.verify
def test_ten_planted_bugs_are_found_within_500_examples(tmp_path):
    facts, store = hunted(tuple(map(planted, PLANTED)), tmp_path, examples=500, seed=1, limits=IMPATIENT)
    abouts = {x.case.subject for x in store.written.values()}
    missed = [name for name, (_, _, label) in PLANTED.items() if not any(a.startswith(label) for a in abouts)]
    assert missed == [], sorted(abouts)
    assert "FOUND = [" in as_test(facts, store.exchange)


@pytest.mark.verify
def test_the_same_seed_asks_the_same_and_what_was_found_is_asked_first(tmp_path):
    change = planted("a crash on names twice")
    _, first = hunted((change,), tmp_path / "a", examples=150, seed=3)
    _, same = hunted((change,), tmp_path / "b", examples=150, seed=3)
    assert bodies(first) == bodies(same) != set()
    _, again = hunted((change,), tmp_path / "a", examples=7, seed=99)
    assert bodies(first) & bodies(again)


@pytest.mark.verify
def test_what_was_found_can_be_kept_as_a_test(tmp_path):
    change = planted("a crash on names twice")
    facts, store = hunted((change,), tmp_path / "db", examples=150, seed=3)
    (tmp_path / "test_found.py").write_text(as_test(facts, store.exchange))
    for changes, code in (((change,), 1), ((), 0)):
        with running(DEPLOYMENTS["native-sse"], changes) as url:
            done = written_test(tmp_path, url)
        assert done.returncode == code, done.stdout[-1500:]


def written_test(folder, url):
    """Run the generated test, as its user does."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_found.py"]
    environ = {"BASE_URL": url, "PATH": "", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)


LAMP = {"type": "object", "properties": {"x_lamp": {"type": "string"}, "model": {"type": "string"}}}
THEIRS = {
    "openapi": "3.1.0",
    "info": {"title": "Ours", "version": "1"},
    "paths": {
        "/v1/chat/completions": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}}},
                "responses": {"200": {"description": "The answer."}},
            }
        }
    },
    "components": {"schemas": {"Ask": {"allOf": [{"$ref": "#/components/schemas/Lamp"}]}, "Lamp": LAMP}},
}


def test_a_field_that_the_target_documents_and_drops_is_found(tmp_path):
    def reply(made, request):
        return said(200, json.dumps(THEIRS).encode()) if request.path.endswith("/openapi.json") else made

    drop = dropping("x_lamp")
    change = Mutation(name="lamp", title="Documented, and dropped", caught_by="FLD004", on_request=drop, on_wire=reply)
    _, store = hunted((change,), tmp_path, examples=40, seed=1)
    assert "chat.wrong-type.x_lamp" in {x.case.probe for x in store.written.values()}


@pytest.mark.parametrize("document", [None, {}, {"paths": []}, {"paths": {"/p": {"post": {"requestBody": 7}}}}, "x"])
def test_a_document_that_describes_nothing_gives_nothing(document):
    assert documented(document, "/p") == {}
    assert set(documented(THEIRS, "/v1/chat/completions")) == {"x_lamp", "model"}


def test_a_written_test_fails_until_the_failure_is_fixed(tmp_path):
    body = to_json([hello("chat", "reference")])
    api, case = case_of("chat.fuzz.no-json.a-list", "unary", body)
    for changes, code, outcome in (
        ((planted("a list is answered"),), 1, "ERR001"),
        ((), 0, "passed"),
        (None, 1, "refused"),
    ):
        with running(DEPLOYMENTS["native-sse"], changes or ()) as url:
            if code == 1 and changes:
                target = Target(base_url=url, model="reference", apis=("chat",))
                resent = resend(RunOptions(target=target, profiles=()), api, case)
                written = as_test(resent.facts, resent.exchanges.__getitem__)
                (tmp_path / "test_found.py").write_text(written)
            done = written_test(tmp_path, url if changes is not None else "http://127.0.0.1:1/v1")
        assert done.returncode == code, done.stdout
        assert outcome in done.stdout
    assert re.findall(r"(?:from|import) (conformance\S*)", written) == ["conformance"]


@pytest.mark.parametrize("api", APIS)
def test_the_document_describes_each_api_by_the_wire_s_schemas(api):
    document = openapi.document()
    (operation,) = [o["post"] for o in document["paths"].values() if o["post"]["operationId"] == api]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(document | body)
    good = hello(api, "reference")
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"temperature": "hot"})
    streamed = operation["responses"]["200"]["content"].get("text/event-stream", {})
    assert ("itemSchema" in streamed) == (api in GENERATIVE)
    assert set(kinds(api, "m")) == {"unreadable", "edge", "text", "nested", "unknown"}
    assert schemas.validator(f"{api}-request").is_valid(good)
