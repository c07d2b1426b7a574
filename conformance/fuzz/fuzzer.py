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
from conformance.fuzz.case import Case
from conformance.fuzz.cases import Strategy
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import Level, Status, Verdict

SHARES: Final = {"unreadable": 15, "edge": 35, "text": 15, "nested": 10, "unknown": 5, "valid": 10, "invalid": 10}
"""Percentage of the examples for each kind of case; other kinds get 10."""
SHRINK_BUDGET: Final = 0.5
"""Additional requests allowed to minimize failures, as a share of the examples."""

MAX_HANGS_PER_KIND: Final = 2
"""After this many timeouts, no more cases of that kind are sent: each costs the full timeout."""

SendCase = Callable[[Case], Exchange]
JudgeExchange = Callable[[Exchange], tuple[Verdict, ...]]


class FoundError(AssertionError):
    """A case that failed a rule; each kind of failure is its own class, so that Hypothesis distinguishes them."""

    def __init__(self, case: Case, x: Exchange, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.case, self.exchange, self.verdict = case, x, verdict


@cache
def _kind(rule: str, subject: str) -> type[FoundError]:
    return type(f"{rule} {subject}", (FoundError,), {})


def _subject(case: Case, verdict: Verdict) -> str:
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

    send: SendCase
    judge: JudgeExchange
    max_tokens: int | None = None
    exchanges: dict[Case, Exchange] = field(default_factory=dict)
    failures: dict[str, FoundError] = field(default_factory=dict)
    budget: int = 0
    tokens: int = 0
    hangs: Counter[str] = field(default_factory=Counter)

    def run(self, cases: Cases, examples: int, start: int, kept: Path) -> None:
        """Look for failures, first with the cases that an earlier run stored in `kept`, then with these cases."""
        earlier = msgspec.json.decode(kept.read_bytes(), type=list[Case]) if kept.exists() else []
        first = [*earlier, *cases.first]
        self._run_cases(first, len(first))
        shuffled = Random(start).sample(cases.fixed, len(cases.fixed))  # noqa: S311 - an order, not a secret
        self._run_cases(shuffled, examples // 2)
        rest = max(len(cases.kinds), examples - len(self.exchanges))
        total = sum(SHARES.get(name, 10) for name in cases.kinds)
        for name, strategy in cases.kinds.items():
            share = max(1, rest * SHARES.get(name, 10) // total)
            self.budget, known = int(share * (1 + SHRINK_BUDGET)), -1
            while self.budget > 0 and len(self.failures) > known:  # Hypothesis stops soon after a failure
                known = len(self.failures)
                self._run_strategy(strategy, share, start)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.encode([found.case for found in self.failures.values()]))

    def _run_cases(self, cases: Sequence[Case], most: int) -> None:
        self.budget = most
        for case in cases:
            for verdict in self._failures(case):
                self._keep(_kind(verdict.rule, _subject(case, verdict))(case, self.exchanges[case], verdict))

    def _keep(self, found: FoundError) -> None:
        self.failures.setdefault(type(found).__name__, found)

    def _run_strategy(self, strategy: Strategy, examples: int, start: int) -> None:
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
        def run_example(case: Case) -> None:
            for verdict in self._failures(case):
                kind = _kind(verdict.rule, _subject(case, verdict))
                if kind.__name__ not in self.failures:
                    raise kind(case, self.exchanges[case], verdict)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", HypothesisWarning)  # about large examples, which are never printed
                run_example()
        except BaseException as error:  # noqa: BLE001 - one failure, or a group of several
            for found in _found(error):
                self._keep(found)

    def _failures(self, case: Case) -> Iterator[Verdict]:
        if case not in self.exchanges:
            kind = case.subject
            is_spent = self.budget <= 0 or (self.max_tokens is not None and self.tokens >= self.max_tokens)
            if is_spent or self.hangs[kind] >= MAX_HANGS_PER_KIND:
                return
            self.budget -= 1
            self.exchanges[case] = x = self.send(case)
            self.hangs[kind] += x.ending.how == "timeout"
            spent = usage(x)
            self.tokens += spent.prompt + spent.completion if spent else 0
        yield from (v for v in self.judge(self.exchanges[case]) if v.status is Status.FAIL)


def _found(error: BaseException) -> Iterator[FoundError]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _found(inner)
    elif isinstance(error, FoundError):
        yield error
    else:
        raise error
