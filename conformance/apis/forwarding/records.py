"""The fate of each field of a request on its way through a gateway whose upstream has the same API. Pure.

`records` compares the body that the client sent with the one that arrived: one FieldRecord for each difference. `fates`
is for tables: one record for each field that was sent or arrived, the equal ones included.

A difference has a `fate`, which is for people, and an `aspect`, the promise that it concerns, which is for rules. Paths
are dotted, with list indexes: `messages.0.content.1.image_url`; `field` has `*` in their place, so that the fates of
several requests can be put together. `allowed`: the gateway's policy says so, or it has no effect.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec

from conformance.apis.errors import error_response, rejected_fields
from conformance.apis.forwarding.aspects import Aspect, aspect_of, aspects_of_body, is_nothing
from conformance.apis.forwarding.batches import is_in_parts
from conformance.apis.forwarding.defaults import WITH_TOOLS, is_default
from conformance.apis.forwarding.differences import Change, Difference, Path, differences, how_changed, quoted
from conformance.apis.forwarding.turns import in_equal_turns, is_silent_call
from conformance.apis.request import body_sent, has_too_many_values
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange, Pair, cached_reader
from conformance.model.target import GatewayPolicy
from conformance.model.words import Api
from conformance.parsing.http1 import reply, request_content
from conformance.parsing.json_exact import ABSENT, Members, equal_values, parse_exact, repeated_names
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import Object
from conformance.schemas import validator


class Fate(StrEnum):
    """What became of a field. `mapped`: it arrived under another documented name or in another shape, with the same
    meaning; `refused`: the gateway answered 4xx, and named it. In order of weight, the lightest first.
    """

    EQUAL = "equal"
    REFUSED = "refused"
    MAPPED = "mapped"
    ADDED = "added"
    CHANGED = "changed"
    DROPPED = "dropped"


class FieldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of one field of one request. `seen` is a clause for people; `aspect` is None if it arrived equal."""

    path: str
    fate: Fate
    seen: str = ""
    aspect: Aspect | None = None
    allowed: bool = False

    @property
    def field(self) -> str:
        """The path with `*` in place of list indexes."""
        return ".".join("*" if step.isdecimal() else step for step in self.path.split("."))


RENAMED: Final[dict[Api, tuple[frozenset[str], ...]]] = {
    "chat": (
        frozenset(("max_tokens", "max_completion_tokens")),
        frozenset(("user", "safety_identifier")),
        frozenset(("user", "prompt_cache_key")),
        frozenset(("reasoning_content", "reasoning")),
    ),
    "messages": (),
    "responses": (frozenset(("user", "safety_identifier")), frozenset(("user", "prompt_cache_key"))),
    "completions": (),
    "embeddings": (),
}
"""Two names of one field, of which the API's reference says that one replaces the other, or vendors use either."""
FORM_OF_VECTORS: Final = ("embeddings", ("encoding_format",))
"""A gateway may ask its upstream for vectors in another form: which one the client gets, EMB006 and EMB007 judge. Where
the client names none, it should name none either: some upstreams reject the field."""
FATES: Final = {
    Change.CHANGED: Fate.CHANGED,
    Change.DROPPED: Fate.DROPPED,
    Change.ADDED: Fate.ADDED,
    Change.RESHAPED: Fate.MAPPED,
    Change.MOVED: Fate.CHANGED,
    Change.REORDERED: Fate.CHANGED,
}
MOST_ADDED: Final = 1000
"""Values that a gateway adds to one request; further ones are not listed."""
WHOLE: Final = ("parameters", "input_schema", "output_schema", "schema", "metadata", "logit_bias", "input")
"""Members whose content is one field of a table, whatever is in it; `input` is that of a tool call."""


@cached_reader
def exact_body(x: Exchange) -> Any:
    """The JSON value of a request body without loss, or NOT_JSON; one of too many values is not read."""
    return NOT_JSON if has_too_many_values(x) else parse_exact(request_content(x))


def forwarded(pair: Pair) -> Exchange | None:
    """The first request that the gateway sent to the same API of its upstream for the client's, or None.

    None, too, if it sent the inputs of the client's apart.
    """
    if is_in_parts(pair.client, pair.upstream):
        return None
    return next((x for x in pair.upstream if x.api == pair.client.api and x.case.subject.endswith(_path(x))), None)


def _path(x: Exchange) -> str:
    """The path of the exchange's API; what a recording does not say is taken for it."""
    return spec(x.api).path if x.case.subject.startswith("/") else ""


def records(x: Exchange, arrived: Exchange, policy: GatewayPolicy) -> tuple[FieldRecord, ...]:
    """The differences between a request and the one that arrived upstream; none if one body is no JSON object."""
    key = (records, arrived.sent, policy)
    if key not in x.cache:
        x.cache[key] = tuple(_records(x, arrived, policy))
    found: tuple[FieldRecord, ...] = x.cache[key]
    return found


def _records(x: Exchange, arrived: Exchange, policy: GatewayPolicy) -> Iterator[FieldRecord]:
    sent, got = exact_body(x), exact_body(arrived)
    if not isinstance(sent, dict) or not isinstance(got, dict):
        return
    repeated = dict(repeated_names(sent))
    sent, got = in_equal_turns(sent, got, x.api)
    added = count(1)
    for difference in _without_renamed([*differences(sent, got)], x.api):
        if isinstance(difference, FieldRecord):
            yield difference
        elif difference.change is Change.ADDED and next(added) > MOST_ADDED:
            continue
        elif difference.arrived not in repeated.get(difference.path, ()) and not _has_no_effect(difference, got, x.api):
            yield _record(difference, x, policy, is_silent=_is_silent(difference, sent))


def _is_silent(difference: Difference, sent: Object) -> bool:
    """Whether an empty content arrived as null, or null as an empty one, beside the calls of a message."""
    is_empty = is_nothing(difference.sent) and is_nothing(difference.arrived)
    return difference.change is Change.CHANGED and is_empty and is_silent_call(sent, difference.path)


def _record(difference: Difference, x: Exchange, policy: GatewayPolicy, *, is_silent: bool) -> FieldRecord:
    aspect = Aspect.NOTHING if is_silent else aspect_of(difference, x.api, _invalid(x), x.nonce)
    fate = Fate.MAPPED if aspect is Aspect.ALIAS else FATES[difference.change]
    path = dotted(difference.path)
    return FieldRecord(
        path=path, fate=fate, seen=_seen(difference), aspect=aspect, allowed=_is_allowed(difference, aspect, policy)
    )


def dotted(path: Path) -> str:
    """A path as people write it."""
    return ".".join(map(str, path))


def _seen(difference: Difference) -> str:
    name, sent, arrived = f"`{dotted(difference.path)}`", difference.sent, difference.arrived
    match difference.change:
        case Change.DROPPED:
            return f"{name} was sent ({quoted(sent)}), but did not arrive upstream"
        case Change.ADDED:
            return f"{name} arrived upstream ({quoted(arrived)}), but was not sent"
        case Change.MOVED | Change.REORDERED:
            return f"{name} arrived in another order"
        case Change.RESHAPED:
            shapes = ["a list" if isinstance(value, list) else "a text" for value in (sent, arrived)]
            return f"{name} was {shapes[0]}, and arrived as {shapes[1]}"
        case _:
            return f"{name} {how_changed(sent, arrived)}"


def _is_allowed(difference: Difference, aspect: Aspect, policy: GatewayPolicy) -> bool:
    if aspect is Aspect.MODEL and policy.model is not None:
        return bool(difference.arrived == policy.model)
    if aspect is Aspect.PROMPT and policy.prompt:
        return True
    patterns = {Change.DROPPED: policy.dropped, Change.ADDED: policy.added}.get(difference.change, policy.changed)
    steps = [str(step) for step in difference.path]
    places = [".".join(steps[:end]) for end in range(1, len(steps) + 1)]
    places.append(".".join("*" if step.isdecimal() else step for step in steps))
    return any(fnmatchcase(place, pattern) for place in places for pattern in patterns)


def _has_no_effect(difference: Difference, arrived: Object, api: Api) -> bool:
    """Whether what was dropped or added means the same as nothing, or usage is requested for the gateway itself."""
    path, change, sent, got, _ = difference
    if path[0] == "stream_options":
        return _requests_usage(difference, arrived)
    if (api, path) == FORM_OF_VECTORS and change is not Change.ADDED:
        return True
    if change is Change.ADDED:
        is_rejected = path[0] in WITH_TOOLS and not arrived.get("tools")
        return got is not None and not is_rejected and is_default(path, got, api)
    return is_default(path, sent, api) and (got is ABSENT or is_default(path, got, api))


def _requests_usage(difference: Difference, arrived: Object) -> bool:
    """Whether only usage at the end of the stream is requested in addition, or no stream is left to have options."""
    path, _, sent, got, _ = difference
    if arrived.get("stream") is not True:
        return True  # a rule of its own judges options without a stream
    if path == ("stream_options", "include_usage"):
        return got is True or sent is False
    return sent in (ABSENT, None, {}) and isinstance(got, dict) and got.keys() <= {"include_usage"}


def _without_renamed(found: list[Difference], api: Api) -> Iterator[Difference | FieldRecord]:
    """The differences, with one record for a field that arrived under its other name."""
    dropped = {d.path: d for d in found if d.change is Change.DROPPED}
    added = {d.path: d for d in found if d.change is Change.ADDED}
    renamed: dict[Path, Path] = {}
    for path, one in dropped.items():
        for names in RENAMED[api]:
            others = [(*path[:-1], name) for name in names - {path[-1]}] if path[-1] in names else []
            fitting = [to for to in others if to in added and equal_values(one.sent, added[to].arrived)]
            if fitting:
                renamed[path] = fitting[0]
    for difference in found:
        if to := renamed.get(difference.path):
            seen = f"`{dotted(difference.path)}` arrived as `{dotted(to)}`"
            yield FieldRecord(path=dotted(difference.path), fate=Fate.MAPPED, seen=seen, aspect=Aspect.ALIAS)
        elif difference.path not in renamed.values():
            yield difference


class SchemaFault(NamedTuple):
    """One place of a body that its API's schema does not allow, and a clause that says why."""

    path: Path
    clause: str


@cached_reader
def schema_faults(x: Exchange) -> tuple[SchemaFault, ...]:
    """What is wrong in an object by its API's schema, unknown fields excepted; a missing field has its own path."""
    body = body_sent(x)
    if not isinstance(body, dict):
        return ()
    try:
        errors = [*validator(spec(x.api).request_schema).iter_errors(body)]
    except RecursionError:  # nested deeper than any documented request
        return ()
    return tuple(fault for error in errors for fault in _faults(error))


def _faults(error: Any) -> Iterator[SchemaFault]:
    path = tuple(error.absolute_path)
    if error.validator == "required":
        missing = (name for name in error.validator_value if name not in error.instance)
        yield from (SchemaFault((*path, name), "it is required, and missing") for name in missing)
    elif error.validator != "additionalProperties":
        yield SchemaFault(path, f"{quoted(error.instance)} breaks {error.validator}")


def _invalid(x: Exchange) -> frozenset[Path]:
    """The places of a client's body at which its API's schema does not hold."""
    return frozenset(fault.path for fault in schema_faults(x))


@cached_reader
def aspects_sent(x: Exchange) -> frozenset[Aspect]:
    """The promises that a request can show broken."""
    return aspects_of_body(exact_body(x), x.api, _invalid(x))


def fates(pair: Pair, policy: GatewayPolicy) -> tuple[FieldRecord, ...]:
    """The fate of each field of a request, in order; those that were added follow.

    If the gateway refused the request, only the fields that it named; if nothing arrived, none at all.
    """
    x, arrived = pair.client, forwarded(pair)
    if arrived is None:
        return refused(x) if not pair.upstream else ()
    sent = exact_body(x)
    if not isinstance(sent, Members) or not isinstance(exact_body(arrived), Members):
        return ()
    found = records(x, arrived, policy)
    equal = (FieldRecord(path=path, fate=Fate.EQUAL) for path in _apart(_leaves(sent), found))
    places = {path: at for at, path in enumerate(sent)}
    of_field = {record: places.get(record.path.partition(".")[0], len(places)) for record in (*equal, *found)}
    return tuple(sorted(of_field, key=lambda record: of_field[record]))


def overlap(one: str, other: str) -> bool:
    """Whether a path is another one, or is inside of it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _apart(places: Iterable[Path], found: Sequence[FieldRecord]) -> Iterator[str]:
    """The places that overlap with no record, as people write them."""
    paths = sorted(f"{record.path}." for record in found)
    known = {*paths}
    for place in places:
        path = f"{dotted(place)}."
        at = bisect_left(paths, path)
        is_around = at < len(paths) and paths[at].startswith(path)
        is_inside = any(f"{dotted(place[:end])}." in known for end in range(1, len(place)))
        if not is_around and not is_inside:
            yield dotted(place)


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all values in a body that a table has a row for."""
    is_whole = len(path) > 1 and path[-1] in WHOLE
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if is_whole or not items:
        yield path
        return
    for name, item in items:
        yield from _leaves(item, (*path, name))


def refused(x: Exchange) -> tuple[FieldRecord, ...]:
    """The fields that the gateway named in a 4xx answer."""
    if not 400 <= reply(x).status < 500:
        return ()
    seen = f"HTTP {reply(x).status}: {quoted(error_response(x).message)}"
    return tuple(FieldRecord(path=name, fate=Fate.REFUSED, seen=seen) for name in rejected_fields(x))


def heaviest(found: Iterator[FieldRecord]) -> dict[str, FieldRecord]:
    """The heaviest fate of each field, over several requests; what the policy allows weighs least of unequal ones."""
    result: dict[str, FieldRecord] = {}
    for record in found:
        other = result.get(record.field)
        if other is None or _weight(record) > _weight(other):
            result[record.field] = record
    return result


def _weight(record: FieldRecord) -> tuple[bool, int]:
    return (record.fate is not Fate.EQUAL and not record.allowed, [*Fate].index(record.fate))
