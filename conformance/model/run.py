"""The run manifest: facts about a recording that are not in its exchanges."""

from typing import Literal

import msgspec

from conformance.model.dialect import Dialect
from conformance.model.load import LoadFacts
from conformance.model.target import Target
from conformance.model.words import Api, Suite

FORMAT = "oai-conformance-run/2"
Stopped = Literal["", "interrupted", "unreachable", "too-slow", "key-refused", "set-up"]


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """What was not judged: damaged entries, entries without a response, requests to other paths, and other files.

    `damaged_first` names the first damaged entries, and what is wrong with each; `other_paths` counts them by path.
    """

    damaged: int = 0
    damaged_first: tuple[str, ...] = ()
    no_response: int = 0
    other_paths: dict[str, int] = {}
    other_files: int = 0
    other_files_first: tuple[str, ...] = ()


class Recordings(msgspec.Struct, frozen=True, kw_only=True):
    """The recordings that the exchanges come from: how many files, and what was left out of them.

    `duplicates` counts the exchanges that equal one that is kept: in host, request body and response.
    """

    files: int
    duplicates: int = 0
    skipped: Skipped = Skipped()


class GatewayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run knows of the upstreams behind the gateway that it tests.

    `ports` are those that the gateway was to connect to; `other_requests` counts requests without a nonce of the run,
    as health checks are, by method and path; `more_requests` counts requests upstream that were not kept, because
    there were too many, by the ID of the client's request; `refused` counts what was no request of HTTP/1.1, by reason;
    `unfinished`: requests upstream were in progress when the run ended.
    """

    ports: tuple[int, ...]
    other_requests: dict[str, int] = {}
    more_requests: dict[str, int] = {}
    refused: dict[str, int] = {}
    unfinished: bool = False


class RunManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Target, suite, profiles, planned requests and result of a run.

    `started` is an RFC 3339 time in UTC. `planned` are the IDs of the requests in order, `left_out` the planned ones
    that were not sent, with the reason. `profiles` are the selected frameworks. `stopped` is empty for a complete run.
    `dialects` are how the requests were asked, by API. `seed` is the random seed of a fuzz run.
    `incomplete`: requests were not sent, because the target's responses were endless, too large or too slow.
    `machine_pressure` is the share of the run in which processes on this machine waited for a processor; None if
    unknown. `recordings` says what recordings by other tools hold, if the exchanges come from such; `gateway` is of a
    run through a gateway, `load` of one under load.
    """

    format: str = FORMAT
    tool: str
    started: str
    duration_s: float = 0.0
    target: Target
    suite: Suite
    profiles: tuple[str, ...]
    planned: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    dialects: dict[Api, Dialect] = {}
    stopped: Stopped = ""
    stopped_why: str = ""
    messages_per_day: float | None = None
    strict: bool = False
    incomplete: bool = False
    seed: int | None = None
    machine_pressure: float | None = None
    recordings: Recordings | None = None
    gateway: GatewayFacts | None = None
    load: LoadFacts | None = None
