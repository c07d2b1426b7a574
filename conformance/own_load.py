"""Don't accuse a target that may have been busy with the harness's own requests. Pure.

A server that serves one request at a time goes on generating a response that the harness gave up on, and all others
wait for it. Later attempts are sent only when the target answers the smallest request again: what they show counts.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import msgspec

from conformance.apis.request import request_body
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.comparisons import Evidence
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import Status, Verdict
from conformance.model.words import Api, Suite

ADVICE = "set a longer --timeout and --concurrency 1"
STILL_BUSY = f"the target was still busy with requests that the harness gave up on: {ADVICE}"

LONG: Final = 256
"""Tokens that most probes' responses stay within."""


@dataclass(slots=True)
class Occupied:
    """Which APIs are `free`, `busy` or `dead`, as the smallest request shows after the harness gave up on others.

    `work_ns` is how long the responses that it gave up on may take in all, if each takes as long as the longest one.
    """

    longest_ns: int = 0
    given_up: int = 0
    may_be_endless: bool = False
    free: set[Api] = field(default_factory=set)
    busy: set[Api] = field(default_factory=set)
    dead: set[Api] = field(default_factory=set)

    @property
    def work_ns(self) -> float:
        """An upper bound, infinite if one of them may be long."""
        return math.inf if self.may_be_endless else self.given_up * self.longest_ns

    def note(self, x: Exchange) -> None:
        """Count one exchange: if the harness gave up on it, no API is known to be free."""
        if x.is_given_up:
            self.given_up += 1
            self.may_be_endless |= _may_be_long(x)
            self.free.clear()
        elif not x.is_lost:
            self.longest_ns = max(self.longest_ns, x.ending.at_ns - x.sent_at_ns)

    def is_in_doubt(self, api: Api) -> bool:
        """Whether the smallest request has to show that the API is free."""
        return self.given_up > 0 and api not in self.free | self.busy | self.dead

    def conclude(self, x: Exchange) -> None:
        """Note what the smallest request shows: a target that does not respond to it is busy, unless it is dead.

        It is dead if the connection is refused or closed, or if all that it was left with would be done by now.
        """
        is_busy = x.ending.how == "timeout" and x.ending.at_ns - x.sent_at_ns < self.work_ns
        (self.busy if is_busy else self.dead if x.is_lost else self.free).add(x.api)


def _may_be_long(x: Exchange) -> bool:
    """Whether a response may be longer than those to the probes."""
    tokens = requested_cap(x) * requested_choices(x)
    return bool(request_body(x)) and (not tokens or tokens > LONG)


def unless_busy(verdict: Verdict, x: Exchange, evidence: Evidence, suite: Suite) -> Verdict:
    """The verdict on `x`, or `untestable` if only time shows a failure, and the target may have been busy.

    Fuzzing sends one request at a time, and only those that fail are recorded: none is excused by another.
    """
    if verdict.status is not Status.FAIL or suite == "fuzz":
        return verdict
    if not _rests_on_time(verdict, x, evidence) or evidence.later_attempt(x):
        return verdict
    others = evidence.given_up.keys() - {x.id}
    if not others:
        return verdict
    other = min(others, key=lambda name: (evidence.given_up[name] is not Kind.BASELINE, name))  # those without a cap
    return msgspec.structs.replace(
        verdict,
        status=Status.UNTESTABLE,
        message=f"the target may still have been busy with a request that the harness gave up on ({other}): {ADVICE}",
        findings=(),
        exchanges=tuple(dict.fromkeys((*verdict.exchanges, other))),
    )


def _rests_on_time(verdict: Verdict, x: Exchange, evidence: Evidence) -> bool:
    """Whether a verdict is about arrival times, or about a response of which no byte came until the timeout."""
    if x.ending.how == "timeout" and x.ending.phase == "first-byte":
        return True
    return any(rule.timed for rule in evidence.catalogue.rules if rule.id == verdict.rule)
