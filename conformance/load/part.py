"""The part of a load test that one process sends: what it has to know."""

from typing import Final

import msgspec

from conformance.model.criteria import ALL_RULES, RuleSelection
from conformance.model.dialect import Dialect
from conformance.model.target import Target
from conformance.model.words import Api

USERS_OF_A_PROCESS: Final = 10_000
LINK: Final = "CONFORMANCE_LOAD_LINK"
"""Environment variable of Locust: file descriptors of the process that records, to read from and to write to."""
HEADERS: Final = "CONFORMANCE_LOAD_HEADERS"
"""Environment variable of Locust: the target's own headers, which may be secret, as a JSON object."""

STAGES: Final = "CONFORMANCE_LOAD_STAGES"
"""Environment variable of Locust: the stages of the load, as JSON."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of a load test has to know, but for the API key.

    `run` is the number in the nonces of the run; `worker` that of the process, whose users are counted from
    `first_user`. `rate` is how many of its requests are due a second; None: each user sends when the last response is
    over. The bounds are those of this process.
    """

    target: Target
    profiles: tuple[str, ...]
    run: int
    dialects: dict[Api, Dialect] = {}
    hang_ups: float = 0.0
    timeout_s: float = 60.0
    unix_socket: str | None = None
    rules: RuleSelection = ALL_RULES
    worker: int = 0
    first_user: int = 1
    rate: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None


def divided(part: Part, processes: int) -> Part:
    """The part of each of several processes: an equal share of the rate and of the bounds."""
    return msgspec.structs.replace(
        part,
        rate=None if part.rate is None else part.rate / processes,
        max_requests=None if part.max_requests is None else part.max_requests // processes,
        max_tokens=None if part.max_tokens is None else part.max_tokens // processes,
        max_cost=None if part.max_cost is None else part.max_cost / processes,
    )


def numbered(part: Part, worker: int) -> Part:
    """The part of the process with a number, from 1 on; 0 is the one that sends alone."""
    return msgspec.structs.replace(part, worker=worker, first_user=worker * USERS_OF_A_PROCESS)
