"""Responses of the embedded deployments as exchanges, without a connection."""

import re
from dataclasses import dataclass, replace
from functools import cache

import pytest

from conformance.judging import judge
from conformance.model.exchange import Span
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Target
from conformance.model.verdict import MUST, SHOULD, Status
from conformance.plan import plan
from conformance.reuse import ReusableVerdicts, index_verdicts
from conformance.testbed.server.simulate import BASE_URL, KEY, simulate_exchange

PROFILES = ("claude-sdk", "hermes", "langgraph", "letta")

USAGE = {"stream_options": {"include_usage": True}}


def head_of(request, key):
    """The head of a planned request as it is recorded: the run's key is masked."""
    path = request.url.removeprefix(BASE_URL.removesuffix("/v1"))
    lines = [
        f"{name}: {value.replace('{key}', '*' * len(key) if key else 'no-key')}" for name, value in request.headers
    ]
    return "\r\n".join([f"{request.method} {path} HTTP/1.1", *lines, "", ""]).encode()


def played(request, change, deployment, key=KEY):
    """The changed deployment's response to a planned request, as an exchange under its first case.

    Without `key` the run has none, and the deployment requires none.
    """
    x = simulate_exchange(request, deployment, (change,) if change else (), carried=key or "no-key", wanted=key)
    spans = tuple(Span(found.start(), found.end()) for found in re.finditer(KEY.encode(), x.received))
    return replace(x, sent=head_of(request, key) + request.body, masked=spans)


@dataclass(frozen=True)
class Asking:
    """The requests that a deployment receives, and the policy that it is judged under."""

    deployment: str
    policy: Policy
    suite: str
    profiles: tuple[str, ...]
    kinds: tuple[str, ...]
    key: str | None

    @property
    def requests(self):
        planned = plan(self.target, self.profiles, "full" if self.kinds else self.suite)
        return [r for r in planned if not self.kinds or r.cases[0].kind in self.kinds]

    @property
    def target(self):
        return Target(base_url=BASE_URL, model="reference", policy=self.policy)

    def played(self, change=None):
        return {r.id: played(r, change, self.deployment, self.key) for r in self.requests}

    def judged(self, exchanges, known=None):
        planned = tuple(exchanges)
        facts = RunManifest(
            tool="t", started="", target=self.target, suite=self.suite, profiles=self.profiles, planned=planned
        )
        return judge(facts, exchanges.__getitem__, planned, known)


@cache
def unchanged(asking):
    """The unchanged deployment: its exchanges, and their judgement."""
    exchanges = asking.played()
    return exchanges, asking.judged(exchanges)


@pytest.fixture
def judged():
    """The judgement of a complete gate, without a connection: of a change to a deployment, under a policy.

    With `kinds`, only test cases of these kinds are sent; without `key` the run has none. Exchanges that the change
    does not affect are judged once.
    """

    def ask(change=None, deployment="native-sse", policy=None, *, suite="gate", profiles=PROFILES, kinds=(), key=KEY):
        on = change.on if change else deployment
        usual = Policy(streaming="stopgap-ok") if on == "stopgap-501" else Policy()
        asking = Asking(on, policy or (change and change.policy) or usual, suite, profiles, tuple(kinds), key)
        exchanges, before = unchanged(asking)
        if change is None:
            return before
        changed = asking.played(change)
        same = frozenset(name for name, x in changed.items() if x == exchanges[name])
        together = {name: exchanges[name] if name in same else x for name, x in changed.items()}
        return asking.judged(together, ReusableVerdicts(index_verdicts(before.verdicts), same))

    return ask


@pytest.fixture
def failing(judged):
    """The IDs of the rules that fail in such a suite, by level."""

    def ask(change=None, deployment="native-sse", policy=None, **facts):
        verdicts = judged(change, deployment, policy, **facts).verdicts
        failed = [v for v in verdicts if v.status is Status.FAIL]
        return {level: {v.rule for v in failed if v.level is level} for level in (MUST, SHOULD)}

    return ask
