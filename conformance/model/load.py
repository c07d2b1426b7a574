"""Facts of a load test that its exchanges do not hold: how many users, when, and how busy the harness was."""

import msgspec


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a response has to be to count for the goodput, in seconds.

    `first_token_s` is the longest time until its first token, or its first byte if it is not streamed; `gap_s` the
    longest time without a token after that.
    """

    first_token_s: float = 2.0
    gap_s: float = 1.0


class LoadSecond(msgspec.Struct, frozen=True, kw_only=True):
    """One second of a load: the number of users in it, and how busy the harness itself was.

    `stall_ms` is its longest stall, `stalled_ms` all stalls together, and `cpu` the share of a processor that it used:
    of its busiest process each.
    """

    users: int
    stall_ms: float = 0.0
    stalled_ms: float = 0.0
    cpu: float = 0.0


class LoadStep(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a load in which the number of users was the same; its times are seconds since the load began."""

    users: int
    began_s: float
    ended_s: float


class LoadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How the load of a run was made.

    `users` is the highest number of users at once. Each sends its next request after the response to the last one, or,
    if `rate` is set, whenever one is due: so many arrivals a second, whatever the target takes. `not_sent` counts the
    arrivals that no user was free for until the load ended. `shape` is the name of the file that said when how many
    users were there, or empty. `duration_s` is the length of the load, without the requests before and after it;
    `seconds` are its seconds in order, `steps` its steps, if it had any. `processes` and `machines` made it; `began_ns`
    says when it began on the clock of each worker process. `timeout_s` is how long the harness waited for a response, 0
    if that is not known. `judged` counts the responses that all rules judged, None if all were;
    `ended_early` says why the load ended before its time, or is empty.
    """

    users: int
    duration_s: float
    rate: float | None = None
    shape: str = ""
    not_sent: int = 0
    processes: int = 1
    machines: int = 1
    began_ns: dict[int, int] = {}
    seconds: tuple[LoadSecond, ...] = ()
    steps: tuple[LoadStep, ...] = ()
    bound: Bound = Bound()
    timeout_s: float = 0.0
    judged: int | None = None
    ended_early: str = ""
