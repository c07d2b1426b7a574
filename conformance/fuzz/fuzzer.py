"""The fuzzer: Hypothesis generates cases, they are sent and judged, and failing ones are minimized."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisWarning

from conformance.apis.usage import usage
from conformance.fuzz.cases import Case, Strategy
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import Level, Status, Verdict

SHARES: Final = {"unreadable": 15, "edge": 35, "text": 15, "nested": 10, "unknown": 5, "valid": 10, "invalid": 10}
"""Percentage of the examples for each kind of case; other kinds get 10."""
SHRINK_BUDGET: Final = 0.5
"""Additional requests allowed to minimize failures, as a share of the examples."""

MAX_HANGS_PER_KIND: Final = 2
"""After this many timeouts, no more cases of that kind are sent: each costs the full timeout."""

Send = Callable[[Case], Exchange]
Judge = Callable[[Exchange], tuple[Verdict, ...]]


class FoundError(AssertionError):
    """A case that failed a rule; each kind of failure is its own class, so that Hypothesis distinguishes them."""

    def __init__(self, case: Case, x: Exchange, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.case, self.exchange, self.verdict = case, x, verdict


@cache
def _kind(rule: str, what: str) -> type[FoundError]:
    return type(f"{rule} {what}", (FoundError,), {})


def _what(case: Case, verdict: Verdict) -> str:
    """Key that distinguishes failures of one rule: for a MUST, what is unusual about the case, without its position."""
    return case.subject if case.kind is Kind.FUZZ and verdict.level is Level.MUST else case.kind


class Cases(NamedTuple):
    """What to send: first cases, fixed cases (at most half of the examples), and kinds to generate from."""

    first: Sequence[Case]
    fixed: Sequence[Case]
    kinds: Mapping[str, Strategy]


@dataclass(slots=True)
class Fuzzer:
    """One fuzz run: cases sent (each only once), remaining budget, and timeouts by kind of case."""

    ask: Send
    judge: Judge
    max_tokens: int | None = None
    asked: dict[Case, Exchange] = field(default_factory=dict)
    found: dict[str, FoundError] = field(default_factory=dict)
    left: int = 0
    tokens: int = 0
    hung: Counter[str] = field(default_factory=Counter)

    def run(self, cases: Cases, examples: int, start: int, kept: Path) -> None:
        """Look for failures, first with the cases that an earlier run stored in `kept`, then with these cases."""
        earlier = msgspec.json.decode(kept.read_bytes(), type=list[Case]) if kept.exists() else []
        first = [*earlier, *cases.first]
        self._try(first, len(first))
        shuffled = Random(start).sample(cases.fixed, len(cases.fixed))  # noqa: S311 - an order, not a secret
        self._try(shuffled, examples // 2)
        left = max(len(cases.kinds), examples - len(self.asked))
        whole = sum(SHARES.get(name, 10) for name in cases.kinds)
        for name, strategy in cases.kinds.items():
            share = max(1, left * SHARES.get(name, 10) // whole)
            self.left, known = int(share * (1 + SHRINK_BUDGET)), -1
            while self.left > 0 and len(self.found) > known:  # Hypothesis stops soon after a failure
                known = len(self.found)
                self._look(strategy, share, start)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.encode([found.case for found in self.found.values()]))

    def _try(self, cases: Sequence[Case], most: int) -> None:
        self.left = most
        for case in cases:
            for verdict in self._failures(case):
                self._keep(_kind(verdict.rule, _what(case, verdict))(case, self.asked[case], verdict))

    def _keep(self, found: FoundError) -> None:
        self.found.setdefault(type(found).__name__, found)

    def _look(self, strategy: Strategy, examples: int, start: int) -> None:
        @seed(start)
        @settings(
            max_examples=examples,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            print_blob=False,
            report_multiple_bugs=True,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(strategy)
        def look(case: Case) -> None:
            for verdict in self._failures(case):
                kind = _kind(verdict.rule, _what(case, verdict))
                if kind.__name__ not in self.found:
                    raise kind(case, self.asked[case], verdict)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)  # about large examples, which are never printed
                look()
        except BaseException as error:  # noqa: BLE001 - one failure, or a group of several
            for found in _found(error):
                self._keep(found)

    def _failures(self, case: Case) -> Iterator[Verdict]:
        if case not in self.asked:
            kind = case.subject
            is_spent = self.left <= 0 or (self.max_tokens is not None and self.tokens >= self.max_tokens)
            if is_spent or self.hung[kind] >= MAX_HANGS_PER_KIND:
                return
            self.left -= 1
            self.asked[case] = x = self.ask(case)
            self.hung[kind] += x.ending.how == "timeout"
            spent = usage(x)
            self.tokens += spent.prompt + spent.completion if spent else 0
        yield from (v for v in self.judge(self.asked[case]) if v.status is Status.FAIL)


def _found(error: BaseException) -> Iterator[FoundError]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _found(inner)
    elif isinstance(error, FoundError):
        yield error
    else:
        raise error
