"""The rule: one requirement, judged by a pure function over exchanges, with examples that prove it bites."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from conformance.exchange import APIS, MODES, Api, Exchange, Mode
from conformance.verdict import Finding, Level, Skip

Judge = Callable[..., Iterable[Finding | Skip]]
When = Callable[[Exchange], Skip | None]
Example = Exchange | tuple[Exchange, ...]

INPUTS = (("x",), ("x", "policy"), ("x", "hello"), ("x", "briefs"), ("stream", "unary"), ("stream", "unary", "policy"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement. Build it with `rule`; `judge` yields what it sees wrong and never raises."""

    id: str
    level: Level
    title: str
    spec: str
    fix: str
    judge: Judge
    when: When
    good: tuple[Example, ...]
    bad: tuple[Example, ...]
    apis: tuple[Api, ...]
    modes: tuple[Mode, ...]
    timed: bool
    inputs: tuple[str, ...]

    @property
    def family(self) -> str:
        """The letters of the ID."""
        return self.id.rstrip("0123456789")

    @property
    def fault(self) -> str:
        """The name of the fault, from the function's name."""
        return self.judge.__name__.replace("_", "-")

    @property
    def why(self) -> str:
        """Why it matters, from the function's docstring."""
        return inspect.cleandoc(self.judge.__doc__ or "")


def rule(  # noqa: PLR0913 - a rule is a record; every keyword is one line of its page
    id: str,  # noqa: A002 - the field's own name
    level: Level,
    title: str,
    *,
    spec: str,
    fix: str,
    when: When,
    good: Sequence[Example],
    bad: Sequence[Example],
    apis: Sequence[Api] = APIS,
    modes: Sequence[Mode] = MODES,
    timed: bool = False,
) -> Callable[[Judge], Rule]:
    """Turn a judging function into a Rule.

    The function's parameters say what it judges: `x` one exchange; `x, policy` with the target's policy; `x, hello`
    with the plain question in the same mode; `x, briefs` with the same profile's streams whose requests allow no more
    than a few tokens; `stream, unary` the same question both ways. `when` is asked of `x`, or
    of both `stream` and `unary`, and answers None where the rule applies. `timed` marks a rule that judges arrival
    times. Raises TypeError for a rule without examples, docstring or a known signature.
    """

    def build(judge: Judge) -> Rule:
        inputs = tuple(inspect.signature(judge).parameters)
        if inputs not in INPUTS:
            raise TypeError(f"rule {id}: parameters {inputs} are none of {INPUTS}")
        if not good or not bad:
            raise TypeError(f"rule {id}: needs a good and a bad example")
        if not (judge.__doc__ and title and spec.startswith("https://") and fix):
            raise TypeError(f"rule {id}: needs a title, a docstring, a fix and a specification's https address")
        return Rule(
            id, level, title, spec, fix, judge, when, tuple(good), tuple(bad), tuple(apis), tuple(modes), timed, inputs
        )

    return build
