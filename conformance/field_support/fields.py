"""Field support: the state of each request field, from all exchanges of a run that probe it.

An effect that is visible, or missing, is proof. An ignored wrong type is only an indication, and not even that for a
target that is known to ignore wrong types of fields that it honours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from conformance.apis.errors import (
    error_response,
    is_verdict_on_request,
    names_field,
    refuses_streaming,
    rejected_fields,
)
from conformance.apis.evidence import unanswered_reason
from conformance.apis.request import request_body
from conformance.apis.specs import spec
from conformance.apis.tools import calls, offered
from conformance.apis.usage import usage
from conformance.field_support.capability import echo, field_result, is_unsupported
from conformance.field_support.effects import effects
from conformance.field_support.readers import EFFECT_READERS
from conformance.field_support.states import FieldEvidence, State, merge
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.marker_words import BURST_WORDS
from conformance.model.words import Api, Mode

IMPLIED: Final[dict[str, tuple[str, ...]]] = {
    "response_format": ("response_format.json_schema.schema",),
    "text": ("text.format.schema",),
}
"""Nested fields that must have been honoured if the outer one was."""
INSTRUCTED: Final = ("system", "instructions", "suffix")
"""Fields whose text is part of the prompt."""
OFFERING: Final = ("", "named", "several", "single")
"""The tools probes that require a call."""

OFFERED: Final = ("tools", "functions")
"""Fields whose effect is a call."""
INVALID: Final = (Kind.MISTAKE, Kind.OUT_OF_RANGE, Kind.UNKNOWN_FIELD, Kind.FUZZ, Kind.AUTH, Kind.OTHER_ROUTE)
"""Test cases whose requests have an invalid value, or are about something else than their fields."""
NEUTRAL: Final[dict[str, tuple[Any, ...]]] = {
    "stream": (False,),
    "n": (1,),
    "tool_choice": ("auto",),
}
"""Values that ask for nothing: a request has the same meaning without them, whatever the server's own defaults."""

Place = tuple[Api, str, Mode]


class FieldObservation(NamedTuple):
    """The state of a field in one exchange. `proven`: by an effect; `passed_over`: a wrong type was accepted."""

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


def is_neutral(name: str, value: Any) -> bool:
    """Whether a field with this value asks for nothing that could be lost: null is as good as absent."""
    return value is None or value in NEUTRAL.get(name, ())


def field_observations(x: Exchange, baseline: Exchange | None) -> Iterator[FieldObservation]:
    """The states of the fields that an exchange probes; `baseline` as for `capability`."""
    kind = x.case.kind
    proven = kind not in (Kind.WRONG_TYPE, Kind.UNKNOWN_FIELD)
    if found := field_result(x, baseline):
        name, sight = found
        passed_over = kind is Kind.WRONG_TYPE and not error_response(x) and not unanswered_reason(x)
        place = (x.api, name, x.mode)
        yield FieldObservation(place, sight, x.id, proven, passed_over, documented=kind is not Kind.UNKNOWN_FIELD)
        for inner in IMPLIED.get(name, ()) if proven and sight.state == "honoured" else ():
            yield FieldObservation((x.api, inner, x.mode), sight, x.id, proven=True)
    for name, sight in (*_more(x), *_refused_beside(x), *_echoed(x, baseline)):
        yield FieldObservation((x.api, name, x.mode), sight, x.id, proven=True)


def _more(x: Exchange) -> Iterator[tuple[str, FieldEvidence]]:
    """Fields whose effect a probe shows in addition to its subject."""
    kind, subject = x.case.kind, x.case.subject
    if kind is Kind.TOOLS and subject in OFFERING and not refuses_streaming(x):
        yield "tools", _tools(x)
    if kind is Kind.BURST and any(word.encode() in x.sent and word in effects(x).text for word in BURST_WORDS):
        yield spec(x.api).prompt, FieldEvidence("honoured", "the response has the word that the prompt requests")
    if kind is Kind.EFFECT and subject in INSTRUCTED:
        yield subject, _instructed(x, subject)
    if kind is Kind.PREVIOUS_RESPONSE and not x.case.subject and x.api == "responses":
        yield "previous_response_id", _continued_unknown_response(x)


def _tools(x: Exchange) -> FieldEvidence:
    if any(call.name in offered(x) for _, call in calls(x)):
        return FieldEvidence("honoured", "the response calls an offered tool")
    if rejected_fields(x) == ("tools",) and is_unsupported(error_response(x)):
        return FieldEvidence("refused", f"rejected with {error_response(x).status}; the error names the field")
    return FieldEvidence("unknown", unanswered_reason(x) or "the response calls no offered tool")


def _refused_beside(x: Exchange) -> Iterator[tuple[str, FieldEvidence]]:
    """The one field with a usual value that the target rejects by name, in a request about another field or none."""
    error, about = error_response(x), x.case.subject.partition(".")[0]
    if x.case.kind in INVALID or not (is_verdict_on_request(error) and is_unsupported(error)):
        return
    blamed = rejected_fields(x)
    if len(blamed) == 1 and about not in blamed and spec(x.api).prompt not in blamed:
        yield (
            blamed[0],
            FieldEvidence("refused", f"rejected with {error.status}; the error names the field or its value"),
        )


def _echoed(x: Exchange, baseline: Exchange | None) -> Iterator[tuple[str, FieldEvidence]]:
    """Fields whose value the response repeats, where the response without the field has another."""
    if x.case.kind in (*INVALID, Kind.WRONG_TYPE) or baseline is None or error_response(x):
        return
    if unanswered_reason(x) or unanswered_reason(baseline) or error_response(baseline):
        return
    usual = request_body(baseline)
    for name, sent in request_body(x).items():
        if name in usual or name in EFFECT_READERS or name in OFFERED:
            continue
        if sent is not None and echo(x, name) == sent != echo(baseline, name):
            yield name, FieldEvidence("honoured", "the response repeats the value")


def _instructed(x: Exchange, name: str) -> FieldEvidence:
    """Whether usage counts the words of the instructions: each is at least one token."""
    error, spent = error_response(x), usage(x)
    if error:
        is_refused = is_verdict_on_request(error) and names_field(error, name)
        return FieldEvidence(
            "refused" if is_refused else "unknown", f"an error with status {error.status} was received"
        )
    if fault := unanswered_reason(x):
        return FieldEvidence("unknown", fault)
    if spent is None or not spent.prompt:
        return FieldEvidence("unknown", "the response has no usage that counts the prompt")
    if spent.prompt >= LONG_INSTRUCTIONS:
        return FieldEvidence("honoured", f"usage counts its {LONG_INSTRUCTIONS} words: {spent.prompt} prompt tokens")
    return FieldEvidence(
        "dropped", f"`{name}` has {LONG_INSTRUCTIONS} words, but usage counts {spent.prompt} prompt tokens"
    )


LONG_INSTRUCTIONS: Final = 100
"""Words of instructions, far more than the baseline request has tokens."""


def _continued_unknown_response(x: Exchange) -> FieldEvidence:
    """The state of `previous_response_id` when it names a response that does not exist."""
    if error := error_response(x):
        if is_verdict_on_request(error):
            return FieldEvidence("refused", f"an unknown id is rejected with {error.status}")
        return FieldEvidence("unknown", f"the target failed with {error.status}")
    if fault := unanswered_reason(x):
        return FieldEvidence("unknown", fault)
    return FieldEvidence("dropped", "the id of a response that does not exist is silently ignored")


LENIENT: Final = "a wrong type is silently ignored, but this target does so for fields that it honours, too"


def conclude(seen: Iterable[FieldObservation]) -> dict[Place, FieldResult]:
    """The state of each field in each mode: the worst proven one, else the worst observed one."""
    places = _by_place(seen)
    lenient = frozenset(_lenient(places))
    return {place: _shown(found, lenient) for place, found in sorted(places.items())}


def is_lenient(seen: Iterable[FieldObservation], api: Api) -> bool:
    """Whether the target ignores wrong types of fields that it honours: then one shows nothing about other fields."""
    return (api, False) in _lenient(_by_place(seen))


def _by_place(seen: Iterable[FieldObservation]) -> dict[Place, list[FieldObservation]]:
    places: dict[Place, list[FieldObservation]] = {}
    for one in seen:
        places.setdefault(one.place, []).append(one)
    return places


def _lenient(places: Mapping[Place, Sequence[FieldObservation]]) -> Iterator[tuple[Api, bool]]:
    """The APIs, at top level or nested (True), where a wrong type of a field that is read was ignored.

    Types are checked before the mode is known, so that a field may be honoured in one mode, and show this in the other.
    """
    seen: dict[tuple[Api, str], list[FieldObservation]] = {}
    for (api, name, _), found in places.items():
        seen.setdefault((api, name), []).extend(found)
    for (api, name), found in seen.items():
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
        return FieldResult("unknown", LENIENT, worst.exchange, worst.documented)
    return FieldResult(worst.sight.state, worst.sight.why, worst.exchange, worst.documented)
