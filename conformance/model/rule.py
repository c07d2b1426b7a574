"""The rule: one requirement, checked by a pure function over exchanges, with examples that pass and fail."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from conformance.model.case import BASELINE, Compare
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Level, NotJudged
from conformance.model.words import MODES, Api, Facet, Mode

Check = Callable[..., Iterable[Finding | NotJudged]]
Condition = Callable[[Exchange], NotJudged | None]
Example = Exchange | tuple[Exchange, ...]

SINGLE, PAIR, SIDES, POPULATION = ("x",), ("stream", "unary"), ("x", "upstream"), ("population",)
DEFAULT_COMPARISONS: Mapping[str, Compare] = MappingProxyType({"baseline": BASELINE})
"""Comparison available to every rule: the baseline exchange in the same mode."""
LACKING: Final[Mapping[Facet, str]] = MappingProxyType(
    {
        "headers": "the recording does not hold all header fields",
        "framing": "the recording does not hold how the connection was used: framing, coding, and how it ended",
        "timing": "the recording has no arrival times",
        "bytes": "the recording does not hold the exact bytes of the body",
        "request": "the recording does not show whether the request's body is as it was sent: members may be missing",
        "end": "the recording does not show whether the server ended the response, or the client",
    }
)
"""Why a rule that needs a facet can't judge a recording without it."""
EXCUSING: Final[frozenset[Facet]] = frozenset(("request",))
"""Facets whose lack can only excuse a failure: what passes without them has passed."""


def family_of(rule: str) -> str:
    """The family of a rule ID: its letters."""
    return rule.rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement. Build it with `rule`; `check` yields its findings and never raises."""

    id: str
    level: Level
    title: str
    spec: str
    fix: str
    check: Check
    applies_to: Condition
    good: tuple[Example, ...]
    bad: tuple[Example, ...]
    apis: tuple[Api, ...]
    modes: tuple[Mode, ...]
    timed: bool
    needs: frozenset[Facet]
    parameters: tuple[str, ...]
    compares_with: Mapping[str, Compare]

    def lacks(self, recorded: Collection[Facet]) -> str:
        """Why a recording with these facets does not show what the rule judges, or empty."""
        needed = self.needs - EXCUSING - {*recorded}
        return next((why for facet, why in LACKING.items() if facet in needed), "")

    def excuse(self, recorded: Collection[Facet]) -> str:
        """Why a failure in a recording with these facets may be excused by what it does not hold, or empty."""
        return next((LACKING[facet] for facet in self.needs & EXCUSING if facet not in recorded), "")

    @property
    def family(self) -> str:
        """The letters of the ID."""
        return family_of(self.id)

    @property
    def is_of_gateways(self) -> bool:
        """Whether it judges both sides of a gateway; what it compares with are then pairs, too."""
        return self.parameters[:2] == SIDES

    @property
    def is_of_populations(self) -> bool:
        """Whether it judges all responses of a load test together."""
        return self.parameters == POPULATION

    @property
    def slug(self) -> str:
        """The slug of the failure, from the function's name."""
        return self.check.__name__.replace("_", "-")

    @property
    def rationale(self) -> str:
        """The rationale, from the function's docstring."""
        return inspect.cleandoc(self.check.__doc__ or "")


def rule(  # noqa: PLR0913 - a rule is a record; every keyword is one line of its page
    id: str,  # noqa: A002 - the field's own name
    level: Level,
    title: str,
    *,
    spec: str,
    fix: str,
    applies_to: Condition,
    apis: Sequence[Api],
    good: Sequence[Example],
    bad: Sequence[Example],
    modes: Sequence[Mode] = MODES,
    timed: bool = False,
    needs: Sequence[Facet] = (),
    compares_with: Mapping[str, Compare] = DEFAULT_COMPARISONS,
) -> Callable[[Check], Rule]:
    """Turn a check function into a Rule.

    The function's parameters are its arguments: `x`, one exchange, or `stream, unary`, the same case in both modes,
    or `x, upstream`, both sides of a gateway: the exchange with it, and those that it had upstream (Pair), or
    `population` alone: all samples of a load test with one API, profile and mode (Population). Then
    `policy`, the target's; `short_streams`, the profile's streams whose requests allow only a few tokens; `baseline`,
    the baseline exchange in the same mode; and what `compares_with` names (pairs, if it judges both sides). A missing
    exchange makes the rule untestable, unless the comparison is optional.

    `applies_to` is called with `x`, or with `stream` and then `unary`; the rule applies where it returns None. Of a
    population it says which exchanges belong to one. `timed` marks a rule that judges arrival times. `needs` are the
    facets without which a recording does not show what the rule judges, or hides what would excuse it: without
    `request`, only failures are untestable. Arrival times need not be named.

    Raises TypeError for a rule without examples, docstring or a known signature.
    """
    comparisons = {**DEFAULT_COMPARISONS, **compares_with}

    def build(check: Check) -> Rule:
        code = check.__code__  # inspect.signature takes longer than everything else here
        parameters = code.co_varnames[: code.co_argcount]
        compared = _compared(id, parameters, comparisons)
        if not good or not bad:
            raise TypeError(f"rule {id}: needs a good and a bad example")
        _check_complete(id, title, spec, fix, check)
        return Rule(
            id=id,
            level=level,
            title=title,
            spec=spec,
            fix=fix,
            check=check,
            applies_to=applies_to,
            good=tuple(good),
            bad=tuple(bad),
            apis=tuple(apis),
            modes=tuple(modes),
            timed=timed,
            needs=frozenset((*needs, *(("timing",) if timed else ()))),
            parameters=parameters,
            compares_with=compared,
        )

    return build


def _compared(name: str, parameters: tuple[str, ...], comparisons: Mapping[str, Compare]) -> dict[str, Compare]:
    """The comparisons that a check's parameters name. Raises TypeError for other parameters than a check may have."""
    judged = next((known for known in (PAIR, SIDES, POPULATION) if known[-1] in parameters), SINGLE)
    others = parameters[len(judged) :]
    if parameters[: len(judged)] != judged or not {*others} <= {"policy", "short_streams", *comparisons}:
        raise TypeError(f"rule {name}: parameters {parameters} do not begin with {judged}, or are not in compares_with")
    if judged is POPULATION and others:
        raise TypeError(f"rule {name}: judges a population, so that nothing else can be compared with: {others}")
    compared = {other: comparisons[other] for other in others if other in comparisons}
    if judged is PAIR and any(compare.mode is None for compare in compared.values()):
        raise TypeError(f"rule {name}: judges both modes, so each comparison needs a mode: {compared}")
    return compared


def _check_complete(name: str, title: str, spec: str, fix: str, check: Check) -> None:
    """Raises TypeError for a rule without title, rationale, fix, or an https address of its specification."""
    if not (check.__doc__ and title and spec.startswith("https://") and fix):
        raise TypeError(f"rule {name}: needs a title, a docstring, a fix and a specification's https address")
