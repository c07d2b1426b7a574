"""Answers of the embedded deployments as exchanges, without a connection."""

import json
import re
from dataclasses import dataclass, replace
from functools import cache

import pytest

from conformance.exchange import Arrival, Ending, Exchange, Question, Span
from conformance.judge import Known, earlier, judge
from conformance.plan import plan
from conformance.probes.tools import TOOL, WEATHER
from conformance.reference.deployments import DEPLOYMENTS, reply_to
from conformance.reference.rehearsal import BASE_URL, KEY, rehearse
from conformance.reference.reply import Asked
from conformance.run import RunFacts
from conformance.target import Policy, Target
from conformance.verdict import MUST, SHOULD, Finding, Status

PROFILES = ("claude-sdk", "hermes", "langgraph", "letta")

USAGE = {"stream_options": {"include_usage": True}}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
QUESTIONS = {
    "chat.hello": {},
    "chat.usage": {"max_tokens": 8},
    "chat.n": {"n": 2, "max_tokens": 4},
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


def head_of(request, key):
    """The head of a planned request as it is recorded: the run's key is masked."""
    path = request.url.removeprefix(BASE_URL.removesuffix("/v1"))
    lines = [
        f"{name}: {value.replace('{key}', '*' * len(key) if key else 'no-key')}" for name, value in request.headers
    ]
    return "\r\n".join([f"{request.method} {path} HTTP/1.1", *lines, "", ""]).encode()


def played(request, change, deployment, key=KEY):
    """What the deployment, changed, would answer to a planned request, as an exchange under its first question.

    Without `key` the run has none, and the deployment asks for none.
    """
    x = rehearse(request, deployment, (change,) if change else (), carried=key or "no-key", wanted=key)
    spans = tuple(Span(found.start(), found.end()) for found in re.finditer(KEY.encode(), x.heard))
    return replace(x, sent=head_of(request, key) + request.body, masked=spans)


@dataclass(frozen=True)
class Asking:
    """Which questions a deployment is asked, and under which policy."""

    deployment: str
    policy: Policy
    suite: str
    profiles: tuple[str, ...]
    topics: tuple[str, ...]
    key: str | None

    @property
    def requests(self):
        planned = plan(self.target, self.profiles, "full" if self.topics else self.suite)
        return [r for r in planned if not self.topics or r.questions[0].topic in self.topics]

    @property
    def target(self):
        return Target(base_url=BASE_URL, model="reference", policy=self.policy)

    def played(self, change=None):
        return {r.id: played(r, change, self.deployment, self.key) for r in self.requests}

    def judged(self, exchanges, known=None):
        planned = tuple(exchanges)
        facts = RunFacts(
            tool="t", started="", target=self.target, suite=self.suite, profiles=self.profiles, planned=planned
        )
        return judge(facts, exchanges.__getitem__, planned, known)


@cache
def unchanged(asking):
    """The deployment as it is: its exchanges, and what was judged of them."""
    exchanges = asking.played()
    return exchanges, asking.judged(exchanges)


@pytest.fixture
def judged():
    """The judgement of a whole gate, without a connection: of a change to a deployment, under a policy.

    `topics` asks no more than the questions of these topics; without `key` the run has none. What the change leaves
    alone is judged once.
    """

    def ask(change=None, deployment="native-sse", policy=None, *, suite="gate", profiles=PROFILES, topics=(), key=KEY):
        on = change.on if change else deployment
        usual = Policy(streaming="stopgap-ok") if on == "stopgap-501" else Policy()
        asking = Asking(on, policy or (change and change.policy) or usual, suite, profiles, tuple(topics), key)
        exchanges, before = unchanged(asking)
        if change is None:
            return before
        changed = asking.played(change)
        same = frozenset(name for name, x in changed.items() if x == exchanges[name])
        together = {name: exchanges[name] if name in same else x for name, x in changed.items()}
        return asking.judged(together, Known(earlier(before.verdicts), same))

    return ask


@pytest.fixture
def failing(judged):
    """The IDs of the rules that fail in such a suite, by level."""

    def ask(change=None, deployment="native-sse", policy=None, **facts):
        verdicts = judged(change, deployment, policy, **facts).verdicts
        failed = [v for v in verdicts if v.status is Status.FAIL]
        return {level: {v.rule for v in failed if v.level is level} for level in (MUST, SHOULD)}

    return ask
