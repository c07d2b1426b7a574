"""The sample of an exchange of a load test; which exchanges to keep, and which requests to repeat alone. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final, get_args

from conformance.apis.content import ResponseContent
from conformance.apis.deltas import arrivals
from conformance.apis.errors import error_response
from conformance.apis.evidence import missing_part
from conformance.apis.load_prompts import FIRST_NUMBERS, NUMBERS, UserTurn, foreign_nonces, numbers, user_turn
from conformance.apis.nonce import NONCE
from conformance.apis.response_content import response_content
from conformance.apis.retry_after import retry_after_s
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.sample import PHASES, Body, Closing, Group, Order, Outcome, Population, Sample, Task
from conformance.parsing.http1 import finished_at_ns, reply
from conformance.parsing.json_body import json_body
from conformance.parsing.sse import payloads

OVERLOADED: Final = (429, 503, 529)
"""The statuses of an honest refusal; 529 is Anthropic's."""
SECOND: Final = 1_000_000_000
OWN_FAULTS: Final = ("[Errno 23]", "[Errno 24]", "[Errno 99]")
"""The harness has no free file or port: ENFILE, EMFILE, EADDRNOTAVAIL."""
NUMBER: Final = re.compile(r"(?<![A-Za-z0-9])[0-9]+(?![A-Za-z0-9])")
ALL_NUMBERS: Final = range(FIRST_NUMBERS[0], FIRST_NUMBERS[-1] + NUMBERS)
TASKS: Final[tuple[Task, ...]] = get_args(Task)
MOST_FOREIGN: Final = 5
MOST_TEXT: Final = 20_000
"""Characters of a text in which numbers are sought."""
MOST_MEMBERS: Final = 400
MOST_NAME: Final = 60
"""Characters of a member's or header field's name, of an id, and of other words of the target."""
MOST_DEPTH: Final = 8
PING: Final = "ping"


def sample_of(x: Exchange, *, worker: int = 0, failed: Sequence[str] = (), exchange: str = "") -> Sample:
    """The sample of an exchange, whose case has the task as its subject and the phase as its variant.

    `failed` are the IDs of the rules that it fails by itself; `exchange` names it in the run folder, if it is kept.
    """
    answer, content, error, spent = reply(x), response_content(x), error_response(x), usage(x)
    known, outcome = user_turn(x.nonce), outcome_of(x)
    sender = known or UserTurn(0, 0, 0)
    first = content.choices[0] if content.choices else None
    tokens = arrivals(x)
    over = finished_at_ns(x) if outcome in ("complete", "overloaded", "error") else x.ending.at_ns
    own = _generated(content) if not error else error.text
    return Sample(
        nonce=x.nonce,
        user=sender.user,
        turn=sender.turn,
        api=x.api,
        profile=x.case.profile,
        mode=x.mode,
        phase=next((phase for phase in PHASES if phase == x.case.variant), "load"),
        task=next((task for task in TASKS if task == x.case.subject), "text"),
        outcome=outcome,
        worker=worker,
        began=x.began_ns,
        first_byte=x.arrivals[0].at_ns if x.received and x.arrivals else None,
        first_token=tokens[0] if tokens else None,
        ended=over,
        longest_gap=max((b - a for a, b in pairwise((*tokens, max(over, *tokens)))), default=0) if tokens else 0,
        stall=x.harness_stall_ns,
        status=answer.status,
        error=_short(x.ending.detail) if x.ending.phase != "after" else "",
        body=_body(x),
        in_band=error.in_band,
        retry_after=_short(answer.value("retry-after") or answer.value("retry-after-ms")),
        delay=None if (delay := retry_after_s(x)) is None else int(delay * SECOND),
        media_type=_short(answer.media_type),
        id=_short(next((name for name in content.ids if isinstance(name, str)), "")),
        finish=_short(first.finish) if first else "",
        has_own_nonce=bool(x.nonce) and x.nonce in own,
        foreign=tuple(islice(foreign_nonces(_everything(x), x.nonce), MOST_FOREIGN)),
        numbers=_order(first.text, numbers(x.nonce)) if first and known else "absent",
        length=len(own) if not error else 0,
        content=_digest(own) if not error else "",
        prompt_tokens=spent.prompt if spent else None,
        completion_tokens=spent.completion if spent else None,
        reasoning_tokens=spent.reasoning if spent else 0,
        shape=name_of(members(x)),
        headers=name_of(header_names(x)),
        is_reused=x.is_reused,
        closing=_closing(x, outcome),
        failed=tuple(failed),
        exchange=exchange,
    )


def population_of(exchanges: Sequence[Exchange]) -> Population:
    """The population of some exchanges."""
    shapes = {name: names for x in exchanges for name, names in shapes_of(x).items()}
    return Population(tuple(map(sample_of, exchanges)), shapes)


def shapes_of(x: Exchange) -> dict[str, tuple[str, ...]]:
    """What the names in `shape` and `headers` of its sample stand for."""
    return {name_of(names): names for names in (members(x), header_names(x)) if names}


def outcome_of(x: Exchange) -> Outcome:
    """How an exchange ended."""
    return _ended_by_harness(x) or _ended_by_target(x)


def _ended_by_harness(x: Exchange) -> Outcome | None:
    """The outcome, if there was no connection, or the harness ended the exchange; else None."""
    match x.ending.how:
        case "unreachable":
            return "stopped" if any(fault in x.ending.detail for fault in OWN_FAULTS) else "unreachable"
        case "hung-up":
            return "disconnected"
        case "timeout" if x.ending.phase != "after":
            return "timeout"
        case "limit" | "interrupted" if x.ending.phase != "after":
            return "stopped"
    return "stopped" if reply(x).undecodable or reply(x).cut else None


def _ended_by_target(x: Exchange) -> Outcome:
    answer, is_over = reply(x), x.ending.phase == "after"
    if answer.status in OVERLOADED:
        return "overloaded"
    is_error = answer.status not in range(200, 300) or bool(error_response(x)) or (is_over and not answer.content)
    if answer.status and is_error:
        return "error"
    return "cut" if missing_part(x) else "complete"


def _short(word: str) -> str:
    """A word of the target: shortened, and without lone surrogates, which can't be written."""
    return word[:MOST_NAME].encode("utf-8", "backslashreplace").decode()


def _body(x: Exchange) -> Body:
    error = error_response(x)
    if not reply(x).status:
        return ""
    if error.has_error_object or error.kind == "event":
        return "envelope"
    if error.kind in ("text", "html", "empty"):
        return error.kind
    if error:
        return "text" if error.kind == "events" else "json"
    return "completion" if reply(x).content else "empty"


def _closing(x: Exchange, outcome: Outcome) -> Closing:
    """What the server did with the connection after the response."""
    answer = reply(x)
    if outcome not in ("complete", "overloaded", "error"):
        return "open"
    options = {option.strip().lower() for value in answer.values("connection") for option in value.split(",")}
    is_old = answer.version == "HTTP/1.0" and "keep-alive" not in options
    if "close" in options or is_old or answer.framing == "close":
        return "announced"
    return "unannounced" if x.ending.how in ("closed", "reset") else "open"


def _generated(content: ResponseContent) -> str:
    """Everything that the model generated, reasoning included."""
    parts: list[str] = []
    for choice in content.choices:
        parts += [choice.text, choice.refusal, choice.reasoning]
        parts += [part for call in choice.calls for part in (call.name, call.arguments)]
    return "\n".join(filter(None, parts))


def _everything(x: Exchange) -> bytes:
    """All that was received, as sent and put together."""
    content = response_content(x)
    calls = "\n".join(call.id for choice in content.choices for call in choice.calls)
    together = f"{_generated(content)}\n{calls}".encode("utf-8", "replace")
    return b"\n".join((x.received, reply(x).content, together))


def _order(text: str, wanted: range) -> Order:
    """What became of the requested numbers."""
    found = [
        int(number[:9])
        for number in NUMBER.findall(NONCE.sub(b" ", text[:MOST_TEXT].encode("utf-8", "replace")).decode())
    ]
    if not found:
        return "absent"
    if strange := [number for number in found if number not in wanted]:
        return "mixed" if any(number in ALL_NUMBERS for number in strange) else "lost"
    if found == list(wanted[: len(found)]):
        return "whole" if len(found) == len(wanted) else "short"
    if len(set(found)) < len(found):
        return "doubled"
    return "reordered" if sorted(found) != found else "lost"


@cached_reader
def members(x: Exchange) -> tuple[str, ...]:
    """The members of the response, each once: its path and its type, of all events together; without pings."""
    whole = json_body(x)
    values = payloads(x) if whole is None else (whole,)
    found: set[str] = set()
    for value in values:
        if isinstance(value, dict) and value.get("type") != PING:
            kind = value.get("type") if x.api != "chat" and whole is None else ""
            _add_members(found, _short(str(kind)) if kind else "", value, 0)
    return tuple(sorted(found))


def _add_members(found: set[str], path: str, value: Any, depth: int) -> None:
    if len(found) >= MOST_MEMBERS or depth > MOST_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in islice(value.items(), MOST_MEMBERS):
            at = f"{path}.{_short(key)}" if path else _short(key)
            found.add(f"{at} {_type(inner)}")
            _add_members(found, at, inner, depth + 1)
    elif isinstance(value, list):
        for inner in islice(value, MOST_MEMBERS):
            _add_members(found, f"{path}[]", inner, depth + 1)


def _type(value: Any) -> str:
    """The name of a JSON value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


@cached_reader
def header_names(x: Exchange) -> tuple[str, ...]:
    """The names of the header fields, sorted."""
    return tuple(sorted({_short(header.name) for header in reply(x).headers[:MOST_MEMBERS]}))


def name_of(names: tuple[str, ...]) -> str:
    """A short name for some names; empty for none."""
    return _digest("\n".join(names)) if names else ""


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def reasons_to_keep(sample: Sample) -> tuple[str, ...]:
    """Why the bytes of an exchange are evidence, one reason for each kind of failure; none if it is as it should be."""
    return tuple(_reasons(sample))


def _reasons(sample: Sample) -> Iterator[str]:
    yield from sample.failed
    if sample.foreign:
        yield "foreign nonce"
    if sample.outcome not in ("complete", "disconnected") and sample.task != "mistake":
        yield f"{sample.outcome} {sample.status}"
    if is_doubtful(sample):
        yield f"numbers {sample.numbers}"


def is_doubtful(sample: Sample) -> bool:
    """Whether a complete response lacks its own nonce, or some of the requested numbers: the model may be at fault."""
    if sample.outcome != "complete" or sample.task == "mistake":
        return False
    return not sample.has_own_nonce or (sample.task == "text" and sample.numbers != "whole")


def to_repeat(samples: Iterable[Sample], doubtful: int = 6, usual: int = 3) -> tuple[Sample, ...]:
    """The requests under load to repeat alone, when the load is over: so many of each group and task.

    What the repetition does well, the load has spoilt; where it errs as well, the model or the request is at fault.
    """
    groups: dict[tuple[Group, bool, Task], list[Sample]] = {}
    for sample in samples:
        if sample.phase == "load" and sample.outcome in ("complete", "error") and sample.task != "mistake":
            is_usual = sample.outcome == "complete" and not is_doubtful(sample)
            groups.setdefault((sample.group, is_usual, sample.task), []).append(sample)
    chosen = (_spread(groups[key], usual if key[1] else doubtful) for key in sorted(groups))
    return tuple(sample for some in chosen for sample in some)


def _spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    """So many of them, evenly spread."""
    count = min(most, len(samples))
    return [samples[at * len(samples) // count] for at in range(count)]
