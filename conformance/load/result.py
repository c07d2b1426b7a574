"""The result of a load in numbers: outcomes, times, goodput, steps, and how busy the harness itself was."""

from typing import Literal

import msgspec

from conformance.load.percentiles import NO_TIMES, Times
from conformance.model.load import Bound
from conformance.model.sample import Outcome
from conformance.model.words import Api, Mode

State = Literal["holds", "fails", "undecided"]


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long responses took, in milliseconds: until the first byte, the first token and the end, and between reads.

    Complete responses count, and those that the harness stopped waiting for, with the time that it waited.
    """

    first_byte_ms: Times = NO_TIMES
    first_token_ms: Times = NO_TIMES
    gap_ms: Times = NO_TIMES
    whole_ms: Times = NO_TIMES


class LoadCombination(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one API, profile and mode: number, outcomes and times under load, and their times alone."""

    api: Api
    profile: str
    mode: Mode
    requests: int
    outcomes: dict[Outcome, int]
    alone: Durations
    load: Durations


class Goodput(msgspec.Struct, frozen=True, kw_only=True):
    """The responses that are complete, within the bound, and break no MUST that the same request keeps alone.

    `good` of `requests`, `per_second`; `unclear` are those that only a stall of the harness put beyond the bound.
    """

    bound: Bound
    requests: int
    good: int
    unclear: int
    per_second: float


class LoadInterval(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that were due in one part of the load, `at_s` seconds after it began, and the harness in it."""

    at_s: int
    users: int
    outcomes: dict[Outcome, int]
    first_token_ms: Times
    whole_ms: Times
    stall_ms: float
    cpu: float


class LoadStepResult(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one step, and whether all MUST rules hold in it; `failed` are those that do not.

    It is undecided if no MUST rule passed or failed.
    """

    users: int
    began_s: float
    ended_s: float
    requests: int
    per_second: float
    outcomes: dict[Outcome, int]
    first_token_ms: Times
    whole_ms: Times
    state: State
    failed: tuple[str, ...] = ()


class HarnessLoad(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the harness itself was: its longest stall, the seconds with a notable one, and its busiest process.

    `cpu` is the mean share of a processor that it used, `cpu_most` the highest in a second. `untestable` says why some
    or all times are upper bounds only; empty if it kept up.
    """

    longest_stall_ms: float
    stalled_seconds: int
    seconds: int
    cpu: float
    cpu_most: float
    untestable: str = ""


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """A load in numbers. `requests` are those under load; `alone` and `after` count those before and after it.

    `mistakes` are further ones under load, which have to get an error. `not_sent` were due, and no user was free. Of
    all, all rules judged the responses to `judged`. `ended_early` says why the load ended before its time, or is empty.

    `statuses` counts the responses by HTTP status, those without one as 0. `conformant_up_to` is the highest number of
    users with which all MUST rules hold, and fail with no lower one: 0 if there is none, None without steps.
    """

    users: int
    rate: float | None
    shape: str
    duration_s: float
    processes: int
    machines: int
    alone: int
    requests: int
    mistakes: int
    after: int
    not_sent: int
    judged: int
    ended_early: str
    prompt_tokens: int
    completion_tokens: int
    per_second: float
    outcomes: dict[Outcome, int]
    statuses: dict[int, int]
    combinations: tuple[LoadCombination, ...]
    goodput: Goodput
    interval_s: int
    intervals: tuple[LoadInterval, ...]
    steps: tuple[LoadStepResult, ...] = ()
    conformant_up_to: int | None = None
    harness: HarnessLoad
