"""The self-test of the rules about gateways: runs through the embedded gateway, with a planted defect or variant."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import anyio

from conformance.catalogue import installed
from conformance.gateway.judging import judge_pairs
from conformance.gateway.record import GatewayOptions, record_through
from conformance.judging import Judgement
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Target
from conformance.model.verdict import Level, Status
from conformance.model.words import Api, Suite
from conformance.runner import RunOptions
from conformance.storage.memory import InMemoryRun
from conformance.testbed.gateway.handling import TRANSPARENT, GatewayChange
from conformance.testbed.gateway.serve import serve_gateway
from conformance.transport.limits import Limits

PROFILES: Final = ("claude-sdk", "hermes")
KEY: Final = "sk-client-0123456789"
UPSTREAM_KEY: Final = "sk-canary-upstream"
LIMITS: Final = Limits(timeout_s=20.0, post_response_s=0.02)
UPSTREAMS: Final = (0, 0)


@dataclass(frozen=True, kw_only=True, repr=False)
class JudgedThrough:
    """A judged run through the embedded gateway."""

    facts: RunManifest
    store: InMemoryRun
    judgement: Judgement

    def failing(self, *levels: Level) -> tuple[str, ...]:
        """The rules that fail, of these levels or of any."""
        failed = (v for v in self.judgement.verdicts if v.status is Status.FAIL)
        return tuple(sorted({v.rule for v in failed if not levels or v.level in levels}))

    def shown_by(self, rule: str) -> tuple[str, ...]:
        """The requests on which a failure of the rule rests, of the failure that rests on the fewest."""
        failed = (v for v in self.judgement.verdicts if v.status is Status.FAIL and v.rule == rule)
        found = [tuple(name for name in v.exchanges if name in self.facts.planned) for v in failed]
        return min(found, key=len, default=())

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong in the harness."""
        return tuple(sorted({v.message for v in self.judgement.verdicts if v.status is Status.ERROR}))


def run_through(
    change: GatewayChange = TRANSPARENT,
    *,
    apis: tuple[Api, ...] = (),
    suite: Suite | None = None,
    policy: Policy | None = None,
    only: Collection[str] = (),
) -> JudgedThrough:
    """Record and judge a run through the embedded gateway with a change; by default, as the change says.

    With `only`, the IDs of some requests, no others are sent besides the baseline requests.
    """
    target = Target(
        name=change.name,
        base_url="http://127.0.0.1/v1",
        model="reference",
        apis=apis or change.apis,
        policy=policy or Policy(gateway=change.policy),
    )
    options = RunOptions(
        target=target,
        profiles=PROFILES,
        suite=suite or ("full" if change.is_full else "gate"),
        key=KEY,
        limits=LIMITS,
    )
    key = UPSTREAM_KEY if change.has_own_key else ""
    through = GatewayOptions(
        run=options,
        ports=UPSTREAMS,
        embedded=lambda urls: serve_gateway(urls, change, key=key),
        wanted=lambda request: not only or request.id in only,
    )
    store = InMemoryRun()
    facts = anyio.run(record_through, through, store)
    judgement = judge_pairs(facts, store.exchange, store.ids(), installed())
    return JudgedThrough(facts=facts, store=store, judgement=judgement)
