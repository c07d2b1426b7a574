"""The sample, what a load test keeps of an exchange when its bytes are dropped; and the population of all of them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec

from conformance.model.words import Api, Mode

Phase = Literal["alone", "load", "after"]
"""`alone`: one request at a time, before the load. `load`: many users. `after`: one at a time again, after it."""
Task = Literal["text", "tool", "mistake"]
"""What a request is for: a text, a tool call, or an error (its model does not exist)."""
Outcome = Literal["complete", "overloaded", "error", "cut", "timeout", "unreachable", "disconnected", "stopped"]
"""How an exchange ended.

`complete` with a whole response of a 2xx status; `overloaded` with the status 429, 503 or 529; `error` with another
status, or an error under a 2xx; `cut` before the response was complete, or before its first byte; `timeout`: the
harness gave up; `unreachable`: no connection was made; `disconnected`: the harness disconnected on purpose; `stopped`:
the harness was at fault (a limit of its own, no free port or file) or interrupted, so that it shows nothing.
"""
Order = Literal["whole", "short", "lost", "doubled", "reordered", "mixed", "absent"]
"""The requested numbers in the text: all in order; without the last ones; others missing or damaged; some twice; in
another order; with numbers that another request asked for; or none."""
Body = Literal["", "completion", "envelope", "json", "text", "html", "empty"]
"""What the body is: nothing was received, a completion, the API's error object, other JSON, text, HTML, or nothing."""
Closing = Literal["open", "announced", "unannounced"]
"""What the server did with the connection after a complete response: kept it, or closed it with or without notice."""

PHASES: Final[tuple[Phase, ...]] = ("alone", "load", "after")


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The facts of one exchange of a load test, about 300 bytes.

    `nonce` is the word in the request's text: it says the run, and the user and the turn, which are numbered across all
    worker processes. A request that is repeated in the phase `after` has the nonce of the one under load that it
    repeats. `exchange` names the exchange in the run folder, if its bytes are kept.

    Times are nanoseconds: `began` on the clock of the `worker` process, `late` is how long before that the request was
    due (of open arrivals, when no user was free), the others count since it began; `first_byte` and `first_token` are
    None if none came; `longest_gap` is the longest wait after the first token, until the next one or the end; `stall`
    is the longest stall of the harness itself within the exchange.

    `error`, for people, is why the connection ended; `in_band`: the body is an error although the status is 2xx;
    `retry_after` is the value of Retry-After or retry-after-ms, `delay` the nanoseconds that it says, None for a date
    or none. `id` is the response's, `finish` its finish reason as
    sent. `has_own_nonce`: what was generated, or the error, has the request's nonce; `foreign` are those of other
    requests of the run, anywhere in the response (as far as their form shows: see `Population.owner`). `numbers`:
    whether the requested numbers are all there. `length` counts the characters that were generated, `content` is a
    digest of them. Token counts are None if no usage is reported.

    `shape` names the members of the response, `headers` those of its header fields, in `Population.shapes`.
    `is_reused`: the connection had served an earlier request. `failed` are the IDs of rules that the exchange fails by
    itself.
    """

    nonce: str
    user: int
    turn: int
    api: Api
    profile: str
    mode: Mode
    phase: Phase
    task: Task
    outcome: Outcome
    worker: int = 0
    began: int = 0
    late: int = 0
    first_byte: int | None = None
    first_token: int | None = None
    ended: int = 0
    longest_gap: int = 0
    stall: int = 0
    status: int = 0
    error: str = ""
    body: Body = ""
    in_band: bool = False
    retry_after: str = ""
    delay: int | None = None
    media_type: str = ""
    id: str = ""
    finish: str = ""
    has_own_nonce: bool = False
    foreign: tuple[str, ...] = ()
    numbers: Order = "absent"
    length: int = 0
    content: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int = 0
    shape: str = ""
    headers: str = ""
    is_reused: bool = False
    closing: Closing = "open"
    failed: tuple[str, ...] = ()
    exchange: str = ""

    @property
    def over(self) -> int:
        """When it ended, on the clock of its worker."""
        return self.began + self.ended

    @property
    def group(self) -> "Group":
        """What one verdict is about."""
        return Group(self.api, self.profile, self.mode)


class Group(NamedTuple):
    """The samples that one verdict is about."""

    api: Api
    profile: str
    mode: Mode


@dataclass(frozen=True, eq=False)
class Sent:
    """What is known of all requests of a run.

    `by_nonce` has each by its nonce (the one under load, if it was repeated); `shared_ids` are the ids, with their API,
    that responses to different requests have; `load` are the samples under load, `quiet` those before and after it;
    `disconnects` are the exchanges that the harness ended on purpose; `users` counts the users under load.
    """

    by_nonce: Mapping[str, Sample]
    shared_ids: frozenset[tuple[Api, str]]
    load: tuple[Sample, ...]
    quiet: tuple[Sample, ...]
    disconnects: tuple[Sample, ...]
    users: int

    def served_meanwhile(self, sample: Sample) -> int:
        """How many requests of its worker were sent later than this one, and had a complete response earlier."""
        served = self._served.get(sample.worker, ())
        first, last = (bisect_right(served, at, key=lambda s: s.began) for at in (sample.began, sample.over))
        return sum(s.over < sample.over for s in served[first:last])

    @cached_property
    def _served(self) -> Mapping[int, tuple[Sample, ...]]:
        """The samples under load with complete responses by worker, in the order of their beginning."""
        found: dict[int, list[Sample]] = {}
        for s in sorted(self.load, key=lambda s: s.began):
            if s.outcome == "complete":
                found.setdefault(s.worker, []).append(s)
        return {worker: tuple(samples) for worker, samples in found.items()}


@dataclass(frozen=True)
class Population:
    """The samples of a load test that a rule judges, of one group; `sent` are all requests of the run.

    `shapes` has the members of each shape, and the names of each set of header fields. `timeout_ns` is after how long
    the harness gives up on a response, 0 if that is not known.
    """

    samples: tuple[Sample, ...]
    shapes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timeout_ns: int = 0
    sent: Sent | None = None

    @cached_property
    def alone(self) -> tuple[Sample, ...]:
        """The samples before the load."""
        return self._in_phase("alone")

    @cached_property
    def load(self) -> tuple[Sample, ...]:
        """The samples under load, in the order of their beginning within each worker."""
        return self._in_phase("load")

    @cached_property
    def after(self) -> tuple[Sample, ...]:
        """The samples after the load."""
        return self._in_phase("after")

    def _in_phase(self, phase: Phase) -> tuple[Sample, ...]:
        return tuple(
            sorted((s for s in self.samples if s.phase == phase), key=lambda s: (s.worker, s.began, s.user, s.turn))
        )

    @cached_property
    def repeated(self) -> tuple[tuple[Sample, Sample], ...]:
        """Each sample under load whose request was repeated after it, and the repetition."""
        by_nonce = {s.nonce: s for s in self.after}
        return tuple((s, by_nonce[s.nonce]) for s in self.load if s.nonce in by_nonce)

    @cached_property
    def run(self) -> Sent:
        """All requests of the run; those of this population, unless it is a part of one."""
        return self.sent or _sent(self.samples)

    def owner(self, nonce: str) -> Sample | None:
        """The request with a nonce, or None if the run sent none: then it is a word that looks like one."""
        return self.run.by_nonce.get(nonce)

    def groups(self) -> Iterator[tuple[Group, "Population"]]:
        """The samples of each API, profile and mode, as populations that know all requests of the run."""
        found: dict[Group, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.group, []).append(sample)
        for group in sorted(found):
            yield group, Population(tuple(found[group]), self.shapes, self.timeout_ns, self.run)


def _sent(samples: tuple[Sample, ...]) -> Sent:
    by_nonce = {s.nonce: s for s in sorted(samples, key=lambda s: s.phase == "load")}
    ids = Counter((s.api, s.id) for s in by_nonce.values() if s.id)
    return Sent(
        by_nonce=by_nonce,
        shared_ids=frozenset(named for named, count in ids.items() if count > 1),
        load=tuple(s for s in samples if s.phase == "load"),
        quiet=tuple(s for s in samples if s.phase != "load"),
        disconnects=tuple(s for s in samples if s.outcome == "disconnected"),
        users=len({s.user for s in samples if s.phase == "load"}),
    )
