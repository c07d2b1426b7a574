"""Answers of the embedded deployments as exchanges, without a connection."""

import json
import re

import pytest

from conformance.exchange import NANOSECONDS_PER_MILLISECOND, Arrival, Ending, Exchange, Question, Span
from conformance.judge import judge
from conformance.plan import plan
from conformance.probes.hello import TOOL, WEATHER
from conformance.reference.body import parse
from conformance.reference.deployments import DEPLOYMENTS, api_of, reply_to
from conformance.reference.player import script
from conformance.reference.reply import Asked
from conformance.run import RunFacts
from conformance.target import Policy, Target
from conformance.verdict import MUST, SHOULD, Finding, Status

PROFILES = ("claude-sdk", "hermes", "langgraph", "letta")
KEY = "sk-0123456789-of-nobody"

USAGE = {"stream_options": {"include_usage": True}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
QUESTIONS = {
    "chat.hello": {},
    "chat.usage": {"max_tokens": 8},
    "chat.n": {"n": 2},
    "chat.tools": {"tools": [TOOL], "tool_choice": "required", "max_tokens": 64},
    "chat.tools.named": {"tools": [TOOL], "tool_choice": NAMED},
    "chat.long": {"max_tokens": 24},
}


def exchange(probe, mode, fields, change=None, deployment="native-sse"):
    """What the deployment, changed, would answer to this question."""
    content = WEATHER if "tools" in fields else "Count from one to sixty."
    body = {"model": "reference", "messages": [{"role": "user", "content": content}], **fields}
    body |= {"stream": True, **USAGE} if mode == "stream" else {}
    octets = json.dumps(body).encode()
    asked = Asked(
        method="POST",
        path="/v1/chat/completions",
        query="",
        headers=(("content-type", "application/json"),),
        body=octets,
        json=body,
        api="chat",
        id="1",
        at=1_790_000_000,
    )
    said = reply_to(asked, DEPLOYMENTS[deployment], (change,) if change else ())
    head = "".join(f"{name}: {value}\r\n" for name, value in said.headers)
    heard = f"HTTP/1.1 {said.status} x\r\n{head}\r\n".encode() + b"".join(piece.octets for piece in said.pieces)
    return Exchange(
        id=f"{probe}-{mode}",
        question=Question("chat", "example", mode, probe),
        sent=b"POST /v1/chat/completions HTTP/1.1\r\n\r\n" + octets,
        heard=heard,
        arrivals=(Arrival(1, len(heard)),),
        ending=Ending("closed", "after", 1),
    )


@pytest.fixture
def failures():
    """The rules that fail on any of the questions, with what they saw: for a change and a deployment."""

    def ask(rules, change=None, deployment="native-sse"):
        found = {}
        for probe, fields in QUESTIONS.items():
            for mode in ("stream", "unary"):
                x = exchange(probe, mode, fields, change, deployment)
                for rule in rules:
                    yielded = rule.judge(x) if mode in rule.modes and rule.when(x) is None else ()
                    if findings := [item for item in yielded if isinstance(item, Finding)]:
                        assert all(0 <= f.at.start <= f.at.end <= len(x.heard) for f in findings)
                        found.setdefault(rule.id, f"{probe} {mode}: {findings[0].seen}")
        return found

    return ask


def played(request, change, deployment):
    """What the deployment, changed, would answer to a planned request, as an exchange under its first question."""
    path, _, query = request.url.removeprefix("http://h").partition("?")
    headers = tuple((name.lower(), value.replace("{key}", KEY)) for name, value in request.headers)
    asked = Asked(
        method=request.method,
        path=path,
        query=query,
        headers=headers,
        body=request.body,
        json=parse(request.body).value,
        api=api_of(path),
        id="1",
        at=1_790_000_000,
    )
    pieces = script(reply_to(asked, DEPLOYMENTS[deployment], (change,) if change else ()))
    heard, arrivals, at_ms = b"", [], 1
    for piece in pieces:
        at_ms += int(piece.wait_s * 1000)
        heard += piece.octets
        arrivals += [Arrival(at_ms * NANOSECONDS_PER_MILLISECOND, len(piece.octets))] if piece.octets else []
    spans = tuple(Span(found.start(), found.end()) for found in re.finditer(KEY.encode(), heard))
    return Exchange(
        id=request.id,
        question=request.questions[0],
        also=request.questions[1:],
        sent=b"POST /v1 HTTP/1.1\r\n\r\n" + request.body,
        heard=heard,
        arrivals=tuple(arrivals),
        ending=Ending("idle", "after", at_ms),
        masked=spans,
    )


@pytest.fixture
def judged():
    """The judgement of a whole gate, without a connection: of a change to a deployment, under a policy."""

    def ask(change=None, deployment="native-sse", policy=None):
        on = change.on if change else deployment
        usual = Policy(streaming="stopgap-ok") if on == "stopgap-501" else Policy()
        target = Target(base_url="http://h/v1", model="reference", policy=policy or (change and change.policy) or usual)
        exchanges = {r.id: played(r, change, on) for r in plan(target, PROFILES, "gate")}
        facts = RunFacts(tool="t", started="", target=target, suite="gate", profiles=PROFILES, planned=tuple(exchanges))
        return judge(facts, exchanges.__getitem__, list(exchanges))

    return ask


@pytest.fixture
def failing(judged):
    """The IDs of the rules that fail in such a gate, by level."""

    def ask(change=None, deployment="native-sse", policy=None):
        verdicts = judged(change, deployment, policy).verdicts
        failed = [v for v in verdicts if v.status is Status.FAIL]
        return {level: {v.rule for v in failed if v.level is level} for level in (MUST, SHOULD)}

    return ask
