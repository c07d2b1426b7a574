"""The rule: one requirement, checked by a pure function over exchanges, with examples that pass and fail."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from conformance.model.exchange import APIS, MODES, Api, Exchange, Mode
from conformance.model.verdict import Finding, Level, NotJudged

Check = Callable[..., Iterable[Finding | NotJudged]]
Condition = Callable[[Exchange], NotJudged | None]
Example = Exchange | tuple[Exchange, ...]

SINGLE, PAIR = ("x",), ("stream", "unary")
DEFAULT_COMPARISONS: Mapping[str, str] = MappingProxyType({"hello": "hello"})
"""Comparison available to every rule: the baseline exchange in the same mode."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement. Build it with `rule`; `judge` yields its findings and never raises."""

    id: str
    level: Level
    title: str
    spec: str
    fix: str
    judge: Check
    when: Condition
    good: tuple[Example, ...]
    bad: tuple[Example, ...]
    apis: tuple[Api, ...]
    modes: tuple[Mode, ...]
    timed: bool
    inputs: tuple[str, ...]
    beside: Mapping[str, str]

    @property
    def family(self) -> str:
        """The letters of the ID."""
        return self.id.rstrip("0123456789")

    @property
    def fault(self) -> str:
        """The slug of the failure, from the function's name."""
        return self.judge.__name__.replace("_", "-")

    @property
    def why(self) -> str:
        """The rationale, from the function's docstring."""
        return inspect.cleandoc(self.judge.__doc__ or "")


def rule(  # noqa: PLR0913 - a rule is a record; every keyword is one line of its page
    id: str,  # noqa: A002 - the field's own name
    level: Level,
    title: str,
    *,
    spec: str,
    fix: str,
    when: Condition,
    good: Sequence[Example],
    bad: Sequence[Example],
    apis: Sequence[Api] = APIS,
    modes: Sequence[Mode] = MODES,
    timed: bool = False,
    beside: Mapping[str, str] = DEFAULT_COMPARISONS,
) -> Callable[[Check], Rule]:
    """Turn a check function into a Rule.

    The function's parameters select its evidence: `x` is one exchange; `stream, unary` is one test case in both modes;
    `policy` is the target's policy; `briefs` are the same profile's streams whose requests allow only a few tokens;
    any parameter that `beside` maps to a probe (`topic.about`) is the exchange of that probe with the same profile, in
    the mode of `x` or in the one of its prefix (`unary:seed.again`); a trailing `*` matches any name with that prefix
    and gives a tuple. `hello` is always the baseline exchange. An exchange that was not recorded makes the rule
    untestable, unless the name ends in `?`: then the parameter is None.

    `when` is called with `x`, or with both `stream` and `unary`, and returns None if the rule applies. `timed` marks a
    rule about arrival times. Raises TypeError for a rule without examples or docstring, or with unknown parameters.
    """
    others = {**DEFAULT_COMPARISONS, **beside}

    def build(judge: Check) -> Rule:
        inputs = tuple(inspect.signature(judge).parameters)
        subject = PAIR if "unary" in inputs else SINGLE
        if inputs[: len(subject)] != subject or not {*inputs[len(subject) :]} <= {"policy", "briefs", *others}:
            raise TypeError(
                f"rule {id}: parameters {inputs} do not begin with {subject}, or name something not in `beside`"
            )
        seen = {name: others[name] for name in inputs if name in others}
        if subject is PAIR and any(":" not in where for where in seen.values()):
            raise TypeError(f"rule {id}: judges both modes, so `beside` must name the mode of {seen}")
        if not good or not bad:
            raise TypeError(f"rule {id}: needs a good and a bad example")
        if not (judge.__doc__ and title and spec.startswith("https://") and fix):
            raise TypeError(f"rule {id}: needs a title, a docstring, a fix and the https URL of a specification")
        return Rule(
            id=id,
            level=level,
            title=title,
            spec=spec,
            fix=fix,
            judge=judge,
            when=when,
            good=tuple(good),
            bad=tuple(bad),
            apis=tuple(apis),
            modes=tuple(modes),
            timed=timed,
            inputs=inputs,
            beside=seen,
        )

    return build
