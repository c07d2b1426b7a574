"""The report's data model, the source of every format. Every text in it is escaped."""

from datetime import date, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from conformance.field_support.states import State
from conformance.load.result import LoadResult
from conformance.model.dialect import Dialect
from conformance.model.impact import Impact
from conformance.model.run import Skipped
from conformance.model.target import Policy
from conformance.model.verdict import Level, Status
from conformance.model.words import Api, FailOn, Mode

FORMAT = "oai-conformance-report/1"


class Harness(msgspec.Struct, frozen=True):
    """The harness: name and version."""

    name: str
    version: str


class Tokens(msgspec.Struct, frozen=True):
    """Tokens that the target reported."""

    prompt: int
    completion: int


class ReportTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The target, without secrets. `apis` are the tested ones."""

    name: str
    base_url: str
    model: str
    apis: tuple[Api, ...]
    key_env: str | None
    policy: Policy


class ReportSpan(msgspec.Struct, frozen=True):
    """A byte range in one direction of an exchange."""

    exchange: str
    side: str
    start: int
    end: int


class ReportFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding: observed, expected, where, and the bytes there between `»` and `«`, escaped."""

    seen: str
    expected: str = ""
    at: ReportSpan | None = None
    excerpt: str = msgspec.field(default="", name="octets")


class ReportVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict. `waived` is the reason of the waiver that covers it, or empty. `unreliable`: it failed by chance.

    `cases` is the number of test cases that it stands for; profile, mode and probe are those of the first.
    `more_findings` is the number of findings that were left out. `host` and `model` are set if another
    tool recorded.
    """

    rule: str
    title: str
    level: Level
    status: Status
    api: Api
    profile: str
    mode: str
    probe: str
    message: str
    findings: tuple[ReportFinding, ...]
    exchanges: tuple[str, ...]
    waived: str
    unreliable: bool = False
    cases: int = 1
    more_findings: int = 0
    host: str | UnsetType = UNSET
    model: str | UnsetType = UNSET

    @property
    def counts(self) -> bool:
        """Whether it is a failure that no waiver covers."""
        return self.status is Status.FAIL and not self.waived


class RulePage(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's description."""

    title: str
    level: Level
    family: str
    fault: str
    spec: str
    fix: str
    why: str


class ReportField(msgspec.Struct, frozen=True, kw_only=True):
    """Support of a request field in one mode, the reason, and the exchange that shows it.

    `documented` is whether the API defines the field; false for the unknown fields of probes.
    """

    api: Api
    field: str
    mode: Mode
    state: State
    why: str
    exchange: str
    documented: bool


class ReportWaiver(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver and its state: `used`, `stale` (covers no failure) or `expired`."""

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


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of failures: the failing rule that shows it, the failing rules that follow from it, and the planted
    defect that fails the same rules (empty: the rule fails alone).
    """

    rule: str
    follows: tuple[str, ...] = ()
    defect: str = ""


class RecordingGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded exchanges of one host, model and API: when the first and last was recorded, and the failed rules."""

    host: str
    model: str
    api: Api
    exchanges: int
    first: datetime | None
    last: datetime | None
    must_failed: int
    should_failed: int
    failed: tuple[str, ...]


class RecordingClient(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent recorded requests: the product of the User-Agent and its version, and the framework, if it is known.

    `captured` is the version in the captured profiles, `older` whether the traffic is of an older one.
    """

    product: str
    version: str
    framework: str
    captured: str
    older: bool
    exchanges: int


class ReportRecordings(msgspec.Struct, frozen=True, kw_only=True):
    """The recordings by other tools that were judged: what they hold, and what was left out."""

    files: int
    exchanges: int
    duplicates: int
    skipped: Skipped
    groups: tuple[RecordingGroup, ...]
    clients: tuple[RecordingClient, ...]


class GatewayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the gateway: its exchange, its nonce, and the exchanges of the requests upstream with that nonce.

    They are in order of arrival; none, if the gateway answered by itself.
    """

    exchange: str
    nonce: str
    upstream: tuple[str, ...]


class GatewayLane(msgspec.Struct, frozen=True, kw_only=True):
    """The requests to one API of the gateway that arrived at one API of its upstream (empty: at none), in numbers.

    `arrived` counts the requests upstream: with retries, there are more than `requests`.
    """

    client: Api
    upstream: Api | Literal[""]
    requests: int
    arrived: int


class GatewayField(msgspec.Struct, frozen=True, kw_only=True):
    """The worst that became of a request field on the way through the gateway, in a lane.

    `field` has `*` in place of list indexes. `requests` counts those that show it, of which `exchange` is the first,
    and `why` says what it shows. `allowed`: the gateway's policy says so.
    """

    client: Api
    upstream: Api | Literal[""]
    field: str
    verdict: str
    allowed: bool
    requests: int
    exchange: str
    why: str


class GatewayDefect(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway made of a defect of its upstream: `healed`, `passed on`, `told` or `made worse`."""

    script: str
    api: Api
    mode: Mode
    outcome: str
    exchange: str


class GatewayPolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the target's gateway policy: `used`, `stale` (what it allows did not happen), or `untried`."""

    line: str
    state: Literal["used", "stale", "untried"]
    why: str


class ReportGateway(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of a gateway.

    `ports` are those of the upstreams; `arrived` counts the requests with a nonce that arrived there, `attempts` the
    same by nonce, `other_requests` those without one, by method and path, `more_requests` those that were not kept, by
    the exchange with the gateway, and `refused` what was no request of HTTP/1.1, by reason. `unfinished`: requests
    upstream were in progress when the run ended.
    """

    ports: tuple[int, ...]
    arrived: int
    attempts: dict[str, int]
    requests: tuple[GatewayRequest, ...]
    lanes: tuple[GatewayLane, ...]
    fields: tuple[GatewayField, ...]
    defects: tuple[GatewayDefect, ...]
    policy: tuple[GatewayPolicyLine, ...]
    other_requests: dict[str, int]
    more_requests: dict[str, int]
    refused: dict[str, int]
    unfinished: bool

    def upstream_of(self, exchange: str) -> tuple[str, ...]:
        """The exchanges upstream that belong to an exchange with the gateway."""
        return next((one.upstream for one in self.requests if one.exchange == exchange), ())


OfficialOutcome = Literal["pass", "fail", "not-tested"]


class OfficialTest(msgspec.Struct, frozen=True, kw_only=True):
    """What an acceptance test of Open Responses would say, and why; the rule and the exchange that show it, if any."""

    name: str
    outcome: OfficialOutcome
    why: str = ""
    rule: str = ""
    exchange: str = ""


class ReportOpenResponses(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the acceptance tests of Open Responses the target would pass, and each of them."""

    passed: int
    of: int
    tests: tuple[OfficialTest, ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of a run. `failed` counts failures that no waiver covers, by level."""

    conformant: bool
    headline: tuple[str, ...]
    verdicts: dict[str, int]
    failed: dict[str, int]
    waived: int
    stale_waivers: int
    profiles: dict[str, dict[str, int]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The complete report.

    `select` and `ignore` are the selection of rules that judged; both are empty if all did. `fail_on` is what fails the
    run. `dialect` is how the model had to be asked, by API; `causes` are the failing rules, the most urgent first;
    `hurt` maps each failing exchange to its impact on each framework. `recordings` is set if other tools recorded,
    `gateway` if the run saw both sides of one, `load` if it was one under load, `open_responses` if it had test cases
    like its acceptance tests.
    """

    format: str = FORMAT
    tool: Harness
    target: ReportTarget
    suite: str
    profiles: tuple[str, ...]
    started: str
    duration_s: float
    dialect: dict[Api, Dialect]
    stopped: str
    stopped_why: str
    strict: bool
    fail_on: tuple[FailOn, ...] = ("must",)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    seed: int | None
    requests: int
    left_out: dict[str, str]
    tokens: Tokens
    cost_usd: float | None
    messages_per_day: float | None
    verdicts: tuple[ReportVerdict, ...]
    causes: tuple[Cause, ...] = ()
    rules: dict[str, RulePage]
    capabilities: dict[str, dict[str, str]]
    fields: tuple[ReportField, ...]
    hints: tuple[str, ...]
    impact: tuple[Impact, ...]
    hurt: dict[str, tuple[Impact, ...]]
    waivers: tuple[ReportWaiver, ...]
    summary: Summary
    exit_code: int
    recordings: ReportRecordings | UnsetType = UNSET
    gateway: ReportGateway | UnsetType = UNSET
    load: LoadResult | UnsetType = UNSET
    open_responses: ReportOpenResponses | UnsetType = UNSET
