"""Field support: the state of each request field, from all exchanges of a run that probe it.

An effect that is visible, or missing, is proof. An ignored wrong type is only an indication, and not even that for a
target that is known to ignore wrong types of fields that it honours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from conformance.apis.errors import error_response, names_field
from conformance.apis.usage import usage
from conformance.field_support.capability import FieldEvidence, State, field_result, merge
from conformance.field_support.effects import effects
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.words import Api, Mode
from conformance.parsing.http1 import reply

IMPLIED: Final[dict[str, tuple[str, ...]]] = {
    "response_format": ("response_format.json_schema.schema",),
    "text": ("text.format.schema",),
}
"""Nested fields that must have been honoured if the outer one was."""
INSTRUCTED: Final = ("system", "instructions")
"""Fields whose text is part of the prompt."""
OFFERING: Final = ("", "named", "several", "single")
"""The tools probes that require a call."""

Place = tuple[Api, str, Mode]


class FieldObservation(NamedTuple):
    """The state of a field in one exchange. `proven`: by an effect; `passed_over`: a wrong type got a 2xx status."""

    place: Place
    sight: FieldEvidence
    exchange: str
    proven: bool = False
    passed_over: bool = False
    documented: bool = True


class FieldResult(NamedTuple):
    """The state of a request field in one mode, the reason, and the exchange that shows it.

    `documented`: the API defines the field; false for a made-up one.
    """

    state: State
    why: str
    exchange: str
    documented: bool


def field_observations(x: Exchange, baseline: Exchange | None) -> Iterator[FieldObservation]:
    """The states of the fields that an exchange probes; `baseline` as for `capability`."""
    kind = x.case.kind
    proven = kind not in (Kind.WRONG_TYPE, Kind.UNKNOWN_FIELD)
    if found := field_result(x, baseline):
        name, sight = found
        passed_over = kind is Kind.WRONG_TYPE and not error_response(x) and reply(x).status in range(200, 300)
        place = (x.api, name, x.mode)
        yield FieldObservation(place, sight, x.id, proven, passed_over, documented=kind is not Kind.UNKNOWN_FIELD)
        for inner in IMPLIED.get(name, ()) if proven and sight.state == "honoured" else ():
            yield FieldObservation((x.api, inner, x.mode), sight, x.id, proven=True)
    for name, sight in _more(x):
        yield FieldObservation((x.api, name, x.mode), sight, x.id, proven=True)


def _more(x: Exchange) -> Iterator[tuple[str, FieldEvidence]]:
    """Fields whose effect a probe shows in addition to its subject."""
    kind, subject = x.case.kind, x.case.subject
    if kind is Kind.TOOLS and subject in OFFERING and effects(x).calls:
        yield "tools", FieldEvidence("honoured", "the response calls an offered tool")
    if kind is Kind.EFFECT and subject in INSTRUCTED:
        yield subject, _instructed(x, subject)
    if kind is Kind.PREVIOUS_RESPONSE and x.api == "responses":
        yield "previous_response_id", _continued_unknown_response(x)


def _instructed(x: Exchange, name: str) -> FieldEvidence:
    """Whether usage counts the words of the instructions: each is at least one token."""
    said, spent = error_response(x), usage(x)
    if said:
        state: State = "refused" if names_field(said, name) else "unknown"
        return FieldEvidence(state, f"rejected with {said.status}")
    if spent is None:
        return FieldEvidence("unknown", "the response has no usage")
    if spent.prompt >= LONG_INSTRUCTIONS:
        return FieldEvidence("honoured", f"usage counts its {LONG_INSTRUCTIONS} words: {spent.prompt} prompt tokens")
    return FieldEvidence(
        "dropped", f"`{name}` has {LONG_INSTRUCTIONS} words, but usage counts {spent.prompt} prompt tokens"
    )


LONG_INSTRUCTIONS: Final = 100
"""Words of instructions, far more than the baseline request has tokens."""


def _continued_unknown_response(x: Exchange) -> FieldEvidence:
    """The state of `previous_response_id` when it names a response that does not exist."""
    if said := error_response(x):
        if 400 <= said.status < 500:
            return FieldEvidence("refused", f"an unknown id is rejected with {said.status}")
        return FieldEvidence("unknown", f"the target failed with {said.status}")
    return FieldEvidence("dropped", "the id of a response that does not exist is silently ignored")


def conclude(seen: Iterable[FieldObservation]) -> dict[Place, FieldResult]:
    """The state of each field in each mode: the worst proven one, else the worst observed one."""
    places: dict[Place, list[FieldObservation]] = {}
    for one in seen:
        places.setdefault(one.place, []).append(one)
    lenient = frozenset(_lenient(places))
    return {place: _shown(found, lenient) for place, found in sorted(places.items())}


def _lenient(places: Mapping[Place, Sequence[FieldObservation]]) -> Iterator[tuple[Api, bool]]:
    """The APIs, at top level or nested (True), where a wrong type of a field that is read was ignored."""
    for (api, name, _), found in places.items():
        states = {one.sight.state for one in found if one.proven}
        if states & {"honoured", "refused"} and "dropped" not in states and any(one.passed_over for one in found):
            yield api, "." in name


def _shown(found: Sequence[FieldObservation], lenient: frozenset[tuple[Api, bool]]) -> FieldResult:
    proven = [one for one in found if one.proven and one.sight.state != "unknown"]
    worst = (proven or list(found))[0]
    for one in proven or found:
        if worst.sight.state != merge(worst.sight.state, one.sight.state):
            worst = one
    api, name, _ = worst.place
    is_sign = worst.passed_over and worst.sight.state == "dropped"
    if is_sign and lenient & {(api, False), (api, "." in name)}:
        why = "a wrong type is silently ignored, but this target does so for fields that it honours too"
        return FieldResult("unknown", why, worst.exchange, worst.documented)
    return FieldResult(worst.sight.state, worst.sight.why, worst.exchange, worst.documented)
