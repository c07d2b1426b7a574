"""The rule: one requirement, judged by a pure function over exchanges, with examples that prove it bites."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from conformance.model.exchange import APIS, MODES, Api, Exchange, Mode
from conformance.model.verdict import Finding, Level, Skip

Judge = Callable[..., Iterable[Finding | Skip]]
When = Callable[[Exchange], Skip | None]
Example = Exchange | tuple[Exchange, ...]

ONE, BOTH = ("x",), ("stream", "unary")
BESIDE: Mapping[str, str] = MappingProxyType({"hello": "hello"})
"""What every rule may ask to see beside its own exchange: the plain greeting in the same mode."""


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
    beside: Mapping[str, str]

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
    beside: Mapping[str, str] = BESIDE,
) -> Callable[[Judge], Rule]:
    """Turn a judging function into a Rule.

    The function's parameters say what it judges: `x` one exchange, or `stream, unary` the same question both ways; and
    what beside it: `policy` the target's policy; `briefs` the same profile's streams whose requests allow no more than
    a few tokens; any parameter that `beside` maps to a probe (`topic.about`), the answer to it by the same profile.
    It is asked in the mode of `x`, or in the one named in front (`unary:seed.again`); a name that ends in `*` stands
    for all that begin so, as a tuple. `hello` always stands for the plain greeting. Evidence that was not recorded
    makes the rule untestable, but where the name ends in `?`: then the parameter is None.

    `when` is asked of `x`, or of both `stream` and `unary`, and answers None where the rule applies. `timed` marks a
    rule that judges arrival times. Raises TypeError for a rule without examples, docstring or a known signature.
    """
    others = {**BESIDE, **beside}

    def build(judge: Judge) -> Rule:
        inputs = tuple(inspect.signature(judge).parameters)
        subject = BOTH if "unary" in inputs else ONE
        if inputs[: len(subject)] != subject or not {*inputs[len(subject) :]} <= {"policy", "briefs", *others}:
            raise TypeError(
                f"rule {id}: parameters {inputs} do not begin with {subject}, or name what is not beside it"
            )
        seen = {name: others[name] for name in inputs if name in others}
        if subject is BOTH and any(":" not in where for where in seen.values()):
            raise TypeError(f"rule {id}: judges both modes, so `beside` has to name the mode of {seen}")
        if not good or not bad:
            raise TypeError(f"rule {id}: needs a good and a bad example")
        if not (judge.__doc__ and title and spec.startswith("https://") and fix):
            raise TypeError(f"rule {id}: needs a title, a docstring, a fix and a specification's https address")
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
