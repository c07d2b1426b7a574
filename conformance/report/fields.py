"""Field support: the table, and hints for users of the frameworks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from conformance import catalogue
from conformance.field_support.fields import is_neutral
from conformance.field_support.states import WORST_FIRST, State
from conformance.judging import Judgement
from conformance.model.impact import Impact
from conformance.model.profile import Profile
from conformance.model.words import MODES, Api, Mode
from conformance.report.document import Report, ReportField
from conformance.report.escaping import safe
from conformance.report.lines import print_labelled

LOST: Final[tuple[State, ...]] = ("dropped", "announced", "refused")
UNNOTICED: Final[tuple[State, ...]] = ("dropped", "announced")
"""States of a field that has no effect, and of which a response says nothing."""
COLOUR: Final[dict[State, str]] = {"dropped": "bold red", "announced": "yellow", "refused": "cyan"}
CAPS: Final = ("max_tokens", "max_completion_tokens")
OWN: Final = ("model", "messages", "input", "prompt", "stream")
"""Fields that every request needs."""


def field_table(judgement: Judgement) -> tuple[ReportField, ...]:
    """Every tested field in every mode, by API and name."""
    return tuple(
        ReportField(
            api=api,
            field=name,
            mode=mode,
            state=shown.state,
            why=safe(shown.why),
            exchange=shown.exchange,
            documented=shown.documented,
        )
        for (api, name, mode), shown in sorted(judgement.fields.items())
    )


class FieldRow(NamedTuple):
    """A field in a table for people: its state in each mode, empty where it was not tested, and the reasons."""

    api: Api
    field: str
    stream: str
    unary: str
    why: str


def rows(fields: Iterable[ReportField]) -> Iterator[FieldRow]:
    """One row for each documented field."""
    places: dict[tuple[Api, str], dict[Mode, ReportField]] = {}
    for field in fields:
        if field.documented:
            places.setdefault((field.api, field.field), {})[field.mode] = field
    for (api, name), found in places.items():
        reasons = {mode: field.why for mode, field in found.items() if field.why}
        same = len(set(reasons.values())) == 1
        why = next(iter(reasons.values())) if same else "; ".join(f"{mode}: {text}" for mode, text in reasons.items())
        stream, unary = (found[mode].state if mode in found else "" for mode in MODES)
        yield FieldRow(api, name, stream, unary, why)


def hints(capabilities: Mapping[Api, Mapping[str, State]], impacts: Iterable[Impact]) -> Iterator[str]:
    """Hints for users of frameworks: which token cap to send, and which of their fields have no effect.

    A framework that gets its response sends no value that the target refuses.
    """
    served = {impact.profile for impact in impacts if impact.delivered}
    for api, states in capabilities.items():
        yield from _cap(states)
        for profile in catalogue.profiles():
            if profile.api == api and profile.framework:
                yield from _lost(profile, states, LOST if profile.name not in served else UNNOTICED)


def _cap(states: Mapping[str, State]) -> Iterator[str]:
    for good, bad in (CAPS, CAPS[::-1]):
        if states.get(good) == "honoured" and states.get(bad) in LOST:
            yield f"This target needs `{good}`: `{bad}` is {states[bad]}."


def _lost(profile: Profile, states: Mapping[str, State], lost: Iterable[State]) -> Iterator[str]:
    """Fields that a framework always sends and that have no effect on this target."""
    names = [
        name for mode in profile.requests for name, value in profile.body(mode).items() if not is_neutral(name, value)
    ]
    sent = [name for name in dict.fromkeys(names) if name not in OWN]
    for state in lost:
        if found := [name for name in sent if states.get(name) == state]:
            named = ", ".join(f"`{name}`" for name in found)
            yield f"{profile.title} always sends {named}, which this target {VERBS[state]}."


VERBS: Final[dict[State, str]] = {
    "dropped": "silently ignores",
    "announced": "ignores with a warning",
    "refused": "rejects",
}


def render(report: Report, out: Console) -> None:
    """Print the fields by state, worst first, and then by API; honoured ones only for the suite `fields`."""
    shown = WORST_FIRST if report.suite == "fields" else LOST
    documented = [field for field in report.fields if field.documented]
    apis = dict.fromkeys(field.api for field in documented)
    out.print()
    for state in shown:
        by_api = {api: list(in_state([f for f in documented if f.api == api], state)) for api in apis}
        if texts := [f"{api}: {', '.join(names)}" for api, names in by_api.items() if names]:
            print_labelled(out, f"fields {state}", Text("; ".join(texts), COLOUR.get(state, "")))
    for hint in report.hints:
        print_labelled(out, "hint", Text(hint))


def in_state(fields: Iterable[ReportField], state: State) -> Iterator[str]:
    """The fields in this state, with the mode if it applies to one mode only."""
    modes: dict[str, dict[str, State]] = {}
    for field in fields:
        modes.setdefault(field.field, {})[field.mode] = field.state
    for name, states in modes.items():
        mine = [mode for mode, found in states.items() if found == state]
        yield from [name if len(mine) == len(states) else f"{name} ({mine[0]})"] if mine else []
