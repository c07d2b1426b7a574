"""What became of the request fields, from all that a run asked about each.

An effect that shows, or is missing, is proof. That a wrong type was passed over is a sign alone, and none at all from
a target that is known to pass over wrong types of fields that it reads.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from conformance.apis.errors import names, refusal
from conformance.apis.usage import usage
from conformance.field_support.capability import Sight, State, capability, merge
from conformance.field_support.effects import effects
from conformance.model.exchange import Api, Exchange, Mode
from conformance.parsing.http1 import reply

IMPLIED: Final[dict[str, tuple[str, ...]]] = {
    "response_format": ("response_format.json_schema.schema",),
    "text": ("text.format.schema",),
}
"""Fields inside others, without which these could not have been honoured."""
INSTRUCTED: Final = ("system", "instructions")
"""Fields whose words are part of the prompt."""
OFFERING: Final = ("", "named", "several", "single")
"""Questions about tools that demand a call."""

Place = tuple[Api, str, Mode]


class Sighting(NamedTuple):
    """What one exchange shows of a field. `proven`: by an effect; `passed_over`: a wrong type was answered."""

    place: Place
    sight: Sight
    exchange: str
    proven: bool = False
    passed_over: bool = False
    documented: bool = True


class Shown(NamedTuple):
    """What became of a request field in one mode, why that is known, and the exchange that shows it.

    `documented` is whether the API has such a field, or the target was asked about one that nobody knows.
    """

    state: State
    why: str
    exchange: str
    documented: bool


def sightings(x: Exchange, hello: Exchange | None) -> Iterator[Sighting]:
    """What an exchange shows of the fields that it was asked to find out about; `hello` as for `capability`."""
    topic = x.question.topic
    proven = topic not in ("wrong-type", "unknown-field")
    if found := capability(x, hello):
        name, sight = found
        passed_over = topic == "wrong-type" and not refusal(x) and reply(x).status in range(200, 300)
        place = (x.api, name, x.mode)
        yield Sighting(place, sight, x.id, proven, passed_over, documented=topic != "unknown-field")
        for inner in IMPLIED.get(name, ()) if proven and sight.state == "honoured" else ():
            yield Sighting((x.api, inner, x.mode), sight, x.id, proven=True)
    for name, sight in _more(x):
        yield Sighting((x.api, name, x.mode), sight, x.id, proven=True)


def _more(x: Exchange) -> Iterator[tuple[str, Sight]]:
    """Fields whose effect a question shows beside the one that it is about."""
    topic, about = x.question.topic, x.question.about
    if topic == "tools" and about in OFFERING and effects(x).calls:
        yield "tools", Sight("honoured", "a tool that was offered is called")
    if topic == "witness" and about in INSTRUCTED:
        yield about, _instructed(x, about)
    if topic == "previous" and x.api == "responses":
        yield "previous_response_id", _gone_on(x)


def _instructed(x: Exchange, name: str) -> Sight:
    """Whether so many words of instructions were counted: each is a token at least."""
    said, spent = refusal(x), usage(x)
    if said:
        state: State = "refused" if names(said, name) else "unknown"
        return Sight(state, f"refused with {said.status}")
    if spent is None:
        return Sight("unknown", "the answer tells no usage")
    if spent.prompt >= LONG_INSTRUCTIONS:
        return Sight("honoured", f"its {LONG_INSTRUCTIONS} words are counted: {spent.prompt} tokens")
    return Sight("dropped", f"{LONG_INSTRUCTIONS} words stood in `{name}`, and {spent.prompt} tokens were counted")


LONG_INSTRUCTIONS: Final = 100
"""Words of instructions, far more than the greeting has tokens."""


def _gone_on(x: Exchange) -> Sight:
    """Whether an answer that does not exist was gone on from."""
    if said := refusal(x):
        if 400 <= said.status < 500:
            return Sight("refused", f"an id that nobody has is refused with {said.status}")
        return Sight("unknown", f"the target failed with {said.status}")
    return Sight("dropped", "an answer that does not exist was to be gone on from, and one came")


def conclude(seen: Iterable[Sighting]) -> dict[Place, Shown]:
    """The state of each field in each mode: the worst that is proven, else the worst that was seen."""
    places: dict[Place, list[Sighting]] = {}
    for one in seen:
        places.setdefault(one.place, []).append(one)
    lenient = frozenset(_lenient(places))
    return {place: _shown(found, lenient) for place, found in sorted(places.items())}


def _lenient(places: Mapping[Place, Sequence[Sighting]]) -> Iterator[tuple[Api, bool]]:
    """The APIs, at their top or inside objects, where a wrong type of a field that is read was passed over."""
    for (api, name, _), found in places.items():
        states = {one.sight.state for one in found if one.proven}
        if states & {"honoured", "refused"} and "dropped" not in states and any(one.passed_over for one in found):
            yield api, "." in name


def _shown(found: Sequence[Sighting], lenient: frozenset[tuple[Api, bool]]) -> Shown:
    proven = [one for one in found if one.proven and one.sight.state != "unknown"]
    worst = (proven or list(found))[0]
    for one in proven or found:
        if worst.sight.state != merge(worst.sight.state, one.sight.state):
            worst = one
    api, name, _ = worst.place
    is_sign = worst.passed_over and worst.sight.state == "dropped"
    if is_sign and lenient & {(api, False), (api, "." in name)}:
        why = "a wrong type is passed over, as this target does with fields that it reads"
        return Shown("unknown", why, worst.exchange, worst.documented)
    return Shown(worst.sight.state, worst.sight.why, worst.exchange, worst.documented)
