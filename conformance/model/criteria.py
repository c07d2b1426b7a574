"""What a recording is judged by: the rules, the accepted failures, and what fails the run."""

from dataclasses import dataclass
from typing import NamedTuple

from conformance.model.rule import Rule
from conformance.model.waiver import Waiver
from conformance.model.words import FAIL_ON, FailOn


class RuleSelection(NamedTuple):
    """The rules that judge, by ID or family: those in `select`, or all if it is empty, without those in `ignore`."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def includes(self, rule: Rule) -> bool:
        """Whether the rule judges."""
        names = {rule.id, rule.family}
        return (not self.select or not names.isdisjoint(self.select)) and names.isdisjoint(self.ignore)

    def __str__(self) -> str:
        given = (("--select", self.select), ("--ignore", self.ignore))
        return " ".join(f"{option} {','.join(names)}" for option, names in given if names)


ALL_RULES = RuleSelection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a recording is judged by. A failed MUST always fails the run; `strict` adds all of `FAIL_ON`."""

    rules: RuleSelection = ALL_RULES
    waivers: tuple[Waiver, ...] = ()
    fail_on: tuple[FailOn, ...] = ()
    strict: bool = False

    @property
    def failing(self) -> tuple[FailOn, ...]:
        """What fails the run."""
        return tuple(what for what in FAIL_ON if self.strict or what == "must" or what in self.fail_on)

    def option(self, what: FailOn) -> str:
        """The option that makes this fail the run; empty for what always does, or does not."""
        if what == "must" or what not in self.failing:
            return ""
        return "--strict" if self.strict else f"--fail-on {what}"


USUAL_CRITERIA = Criteria()
