"""The first requests to a target, one after the other: what to send next, and what all of them show. Pure."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import NamedTuple

from conformance import preflight
from conformance.model.dialect import Dialect
from conformance.model.exchange import Exchange, Request
from conformance.model.target import Target
from conformance.model.words import Api
from conformance.set_up.hints import Preflight, next_hint
from conformance.set_up.mistakes import Mistake, mistake


class FirstResponses(NamedTuple):
    """The exchanges of a preflight with the hints after them, what they show, and why the target can't be tested."""

    exchanges: tuple[Exchange, ...]
    dialects: dict[Api, Dialect]
    mistake: Mistake


def first_requests(
    target: Target, apis: Sequence[Api], timeout_s: float
) -> Generator[Request, Exchange, FirstResponses]:
    """The preflight of every API, and the hints after one that failed: yields each request, and gets its exchange."""
    received: dict[Api, list[Exchange]] = {}
    for api in apis:
        seen = received.setdefault(api, [])
        while len(seen) < preflight.MOST_REQUESTS and (due := preflight.next_request(target, api, seen)):
            seen.append((yield due))
    shown = Preflight(target=target, received=received, timeout_s=timeout_s)
    while hint := next_hint(shown):
        shown = replace(shown, hints=(*shown.hints, (yield hint)))
    exchanges = (*(x for seen in received.values() for x in seen), *shown.hints)
    dialects = {api: preflight.settled(target, api, seen) for api, seen in received.items()}
    return FirstResponses(exchanges, dialects, mistake(shown))
