"""Resolve options into what a recording is judged by."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance import catalogue
from conformance.model.criteria import ALL_RULES, Criteria, RuleSelection
from conformance.model.waiver import Waiver
from conformance.rules.families import RETIRED
from conformance.runs import config
from conformance.runs.config import ConfigError, near
from conformance.runs.options import TargetOptions, VerdictOptions


def criteria(options: VerdictOptions, target: TargetOptions | None = None) -> Criteria:
    """What a recording is judged by; without waivers, those of the target's file. Raises ConfigError."""
    return Criteria(
        rules=_selection(options),
        waivers=load_waivers(options.waivers or _waivers_of(target)),
        fail_on=options.fail_on,
        strict=options.strict,
    )


def load_waivers(path: Path | None) -> tuple[Waiver, ...]:
    """The waivers of a file, or none. Raises ConfigError if they are invalid."""
    return config.waivers(path, frozenset(rule.id for rule in catalogue.rules())) if path else ()


def _waivers_of(target: TargetOptions | None) -> Path | None:
    """The waivers file that a targets file names for the target. Raises ConfigError."""
    if target is None or not target.target or not (file := config.find(target.config)):
        return None
    entry = config.entries(file).get(target.target)
    return entry.waivers if entry else None


def _selection(options: VerdictOptions) -> RuleSelection:
    selection = RuleSelection(tuple(_names("--select", options.select)), tuple(_names("--ignore", options.ignore)))
    if selection != ALL_RULES and not any(map(selection.includes, catalogue.rules())):
        raise ConfigError(f"{selection} leaves no rule; accepted: a selection of at least one rule")
    return selection


def _names(option: str, given: Sequence[str]) -> Iterator[str]:
    """The rule IDs and families in comma-separated lists. Raises ConfigError if one is unknown."""
    rules = catalogue.rules() if given else ()
    known = dict.fromkeys((*(rule.family for rule in rules), *(rule.id for rule in rules)))
    names = [name.strip() for text in given for name in text.split(",")]
    for name in dict.fromkeys(map(str.upper, names)):
        if name in RETIRED:
            raise ConfigError(f"{option} {name}: this ID is out of use: {RETIRED[name]}")
        if name not in known:
            hint = near(name, list(known), "conformance list rules")
            raise ConfigError(f"{option} {name!r} is neither a rule ID nor a family{hint}")
        yield name
