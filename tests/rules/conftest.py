"""Answers of the embedded deployments as exchanges, without a connection."""

import json

import pytest

from conformance.exchange import Arrival, Ending, Exchange, Question
from conformance.probes.hello import TOOL, WEATHER
from conformance.reference.deployments import DEPLOYMENTS, reply_to
from conformance.reference.reply import Asked

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
                    if mode in rule.modes and rule.when(x) is None and (findings := list(rule.judge(x))):
                        assert all(0 <= f.at.start <= f.at.end <= len(x.heard) for f in findings)
                        found.setdefault(rule.id, f"{probe} {mode}: {findings[0].seen}")
        return found

    return ask
