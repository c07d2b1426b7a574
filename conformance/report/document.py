"""The report as one structure, from which every format is written. Every text in it is safe to show."""

from datetime import date

import msgspec

from conformance.field_support.capability import State
from conformance.model.exchange import Api, Mode
from conformance.model.impact import Impact
from conformance.model.target import Policy
from conformance.model.verdict import Level, Status

FORMAT = "oai-conformance-report/1"


class Tool(msgspec.Struct, frozen=True):
    """The harness that judged."""

    name: str
    version: str


class Tokens(msgspec.Struct, frozen=True):
    """What the target says that the run used."""

    prompt: int
    completion: int


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """The target, without anything secret. `apis` are those that were asked."""

    name: str
    base_url: str
    model: str
    apis: tuple[Api, ...]
    key_env: str | None
    policy: Policy


class Place(msgspec.Struct, frozen=True):
    """A run of octets in one side of an exchange."""

    exchange: str
    side: str
    start: int
    end: int


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding: what was seen, what was expected, where, and the octets there between `»` and `«`, escaped."""

    seen: str
    expected: str = ""
    at: Place | None = None
    octets: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict. `waived` holds the reason of the waiver that covers it, or nothing."""

    rule: str
    title: str
    level: Level
    status: Status
    api: Api
    profile: str
    mode: str
    probe: str
    message: str
    findings: tuple[Seen, ...]
    exchanges: tuple[str, ...]
    waived: str

    @property
    def counts(self) -> bool:
        """A failure that no waiver covers."""
        return self.status is Status.FAIL and not self.waived


class RulePage(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs to know of a rule."""

    title: str
    level: Level
    family: str
    fault: str
    spec: str
    fix: str
    why: str


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request field in one mode, why that is known, and the exchange that shows it.

    `documented` is whether the API has such a field, or the target was asked about one that nobody knows.
    """

    api: Api
    field: str
    mode: Mode
    state: State
    why: str
    exchange: str
    documented: bool


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver and what became of it: `used`, `stale` (it covers no failure) or `expired`."""

    rule: str
    profile: str
    mode: str
    api: str
    probe: str
    reason: str
    until: date
    link: str
    owner: str
    state: str
    failures: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The run in numbers. `failed` counts failures that no waiver covers, by level."""

    conformant: bool
    headline: tuple[str, ...]
    verdicts: dict[str, int]
    failed: dict[str, int]
    waived: int
    stale_waivers: int
    profiles: dict[str, dict[str, int]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run shows. `hurt` gives, per exchange with a failure, what each framework would make of it."""

    format: str = FORMAT
    tool: Tool
    target: Tested
    suite: str
    profiles: tuple[str, ...]
    started: str
    duration_s: float
    stopped: str
    stopped_why: str
    strict: bool
    seed: int | None
    requests: int
    left_out: dict[str, str]
    tokens: Tokens
    cost_usd: float | None
    messages_per_day: float | None
    verdicts: tuple[Judged, ...]
    rules: dict[str, RulePage]
    capabilities: dict[str, dict[str, str]]
    fields: tuple[Field, ...]
    hints: tuple[str, ...]
    impact: tuple[Impact, ...]
    hurt: dict[str, tuple[Impact, ...]]
    waivers: tuple[Accepted, ...]
    summary: Summary
    exit_code: int
