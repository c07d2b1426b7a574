"""The options of the command line: names, types and help texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from conformance.model.words import Api, FailOn
from conformance.report.display import Color

TARGET, REQUESTS, LOAD, LIMITS, VERDICT, OUTPUT = (
    Group(name, sort_key=place)
    for place, name in enumerate(("Target", "Requests", "Load", "Limits", "Verdict", "Output"), 1)
)


def _positive(_kind: Any, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ValueError("Accepted: a number above 0.")


def _price(_kind: Any, value: float | None) -> None:
    if value is not None and not 0 <= value < float("inf"):
        raise ValueError("Accepted: a number of US dollars, 0 or more.")


MOST_USERS = 10_000
"""Users of a load test, for which one process has file descriptors and ports."""


def _users(_kind: Any, value: int | None) -> None:
    if value is not None and not 1 <= value <= MOST_USERS:
        raise ValueError(f"Accepted: a number from 1 to {MOST_USERS}.")


def _share(_kind: Any, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError("Accepted: a number from 0 to 1.")


def _port(_kind: Any, value: int | None) -> None:
    if value is not None and not 1 <= value <= 65535:
        raise ValueError("Accepted: a number from 1 to 65535.")


def _refused(command: str, instead: str = "remove it", usual: object = None) -> Parameter:
    """Of an option of a group that one command does not take: it is not in the command's help, and refused.

    `usual` is the option's default, for which it is not refused.
    """

    def refuse(_kind: Any, value: Any) -> None:
        if value != usual:
            raise ValueError(f"It is not supported by `conformance {command}`; {instead}.")

    return Parameter(show=False, validator=refuse)


Count = Annotated[int | None, Parameter(validator=_positive)]
Amount = Annotated[float | None, Parameter(validator=_positive)]
Price = Annotated[float | None, Parameter(validator=_price)]


@Parameter(name="*", group=TARGET)
@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The target; by default the embedded deployment `native-sse`."""

    base_url: str | None = None
    "Base URL without the API's own path, usually ending in /v1. Default: the embedded deployment."
    model: str | None = None
    "Name of a model that the deployment serves."
    api_key_env: str | None = None
    "Name of the environment variable that holds the API key."
    target: str | None = None
    "Name of a target in the --config file, or in conformance.toml or pyproject.toml of this folder."
    config: Path | None = None
    "TOML file of targets: [targets.NAME] with base_url, model, key_env, headers, apis, paths, policy, prices."
    deployment: str | None = None
    "Name of an embedded deployment (`conformance list deployments`)."
    defect: str | None = None
    "Name of a defect or legal variant to plant in it (`conformance list defects`)."
    path: tuple[str, ...] = ()
    "Path of an API below the base URL: API=/PATH, for example chat=/inference. Repeatable."
    header: Annotated[tuple[str, ...], Parameter(alias="-H")] = ()
    "Header to send with every request: 'Name: value', ${VAR} is an environment variable. Masked. Repeatable."
    cacert: Path | None = None
    "PEM file of certificate authorities to verify the target by, instead of the usual ones."
    insecure: bool = False
    "Accept any certificate of the target."
    from_env: bool = False
    "Take the target from the environment: OPENAI_BASE_URL, OPENAI_MODEL (or --model) and OPENAI_API_KEY, if set."
    price_input: Price = None
    "US dollars per million prompt tokens."
    price_output: Price = None
    "US dollars per million completion tokens."
    price_request: Price = None
    "US dollars per request, for targets billed per request. Embedded deployments: 0.018, as in the incident."
    messages_per_day: Amount = None
    "User messages per day, to compute the daily cost of failures."


@Parameter(name="*", group=REQUESTS)
@dataclass(frozen=True, kw_only=True)
class SelectionOptions:
    """Which requests are sent, and as which frameworks."""

    api: tuple[Api, ...] = ()
    "Test this API only; its absence is a failure. Repeatable."
    profile: tuple[str, ...] = ()
    "Framework to imitate (`conformance list profiles`), or `all`. Repeatable. Default: four of them."
    suite: Literal["smoke", "gate", "full", "fields"] = "gate"
    "Suite of requests; `fields` tests only the support of every request field. Default: gate."
    streaming: Literal["required", "stopgap-ok"] | None = None
    "Whether declaring streaming unsupported (501) is accepted for now. Default: required."
    unknown_fields: Literal["reject", "announce", "allow"] | None = None
    "What the target promises to do with unknown request fields."


@Parameter(name="*", group=LOAD)
@dataclass(frozen=True, kw_only=True)
class ShapeOptions:
    """How many users of a load test send, and when."""

    users: Annotated[int | None, Parameter(validator=_users)] = None
    "Users at once; each sends its next request when the last response is over. Default: 8."
    duration: Amount = None
    "Seconds of the load. Default: 30."
    spawn_rate: Amount = None
    "Users that start in a second. Default: all at once."
    rate: Amount = None
    "Requests that are due in a second, whatever the target takes; --users is then how many can be in progress."
    shape: Path | None = None
    "TOML file of [[stage]] tables with users, duration and spawn_rate, instead of --users and --duration."
    step: bool = False
    "Try 2, 4, 8, … users, up to --users and for --duration each: with how many do all MUST rules hold?"
    hang_ups: Annotated[float | None, Parameter(validator=_share)] = None
    "Share of the requests whose client disconnects early, from 0 to 1. Default: 0.05."
    good_first_token: Amount = None
    "Goodput counts responses whose first token comes within so many seconds. Default: 2."
    good_gap: Amount = None
    "Goodput counts responses without a longer gap, in seconds. Default: 1."


@Parameter(name="*", group=LOAD)
@dataclass(frozen=True, kw_only=True)
class SpreadOptions:
    """Which processes and machines send the load; more than one process needs Locust (the extra `load`)."""

    processes: Count = None
    "Processes that send. Default: 1; with --master, the workers to wait for: 1."
    master: bool = False
    "Let workers on other machines send: wait for --processes of them."
    worker: bool = False
    "Be a worker of a master: send what it says, to the target of these options."
    master_host: str | None = None
    "Host of the master. Default: 127.0.0.1."
    master_port: Annotated[int | None, Parameter(validator=_port)] = None
    "Port of the master. Default: 5557."
    web_ui: bool = False
    "Show the load on a web page of Locust, which also starts and stops it."
    web_port: Annotated[int | None, Parameter(validator=_port)] = None
    "Port of the web page. Default: 8089."
    link: Annotated[str | None, Parameter(show=False)] = None
    "File descriptors of a Locust that has started this process: to read from, and to write to."


@Parameter(name="*", group=LIMITS)
@dataclass(frozen=True, kw_only=True)
class LimitOptions:
    """Limits of a run."""

    concurrency: Count = None
    "Concurrent exchanges. Default: 8, and 16 for the tests that concurrent requests are isolated."
    timeout: Amount = None
    "Time limit of one exchange, in seconds. Default: 60."
    max_requests: Count = None
    "Maximum number of requests to send."
    max_tokens: Count = None
    "Token budget: no request is sent that could exceed it."
    max_cost: Amount = None
    "Budget in US dollars: no request is sent that could exceed it; needs prices."
    dry_run: bool = False
    "Print the requests and their maximum cost; send nothing."


@Parameter(name="*", group=VERDICT)
@dataclass(frozen=True, kw_only=True)
class VerdictOptions:
    """Which rules judge, and what counts as a failure."""

    select: tuple[str, ...] = ()
    "Judge by these rules only: IDs or families, as FLD,SSE001. Repeatable. Default: all (`conformance list rules`)."
    ignore: tuple[str, ...] = ()
    "Don't judge by these rules, even if selected: IDs or families. Repeatable."
    waivers: Path | None = None
    "TOML file of accepted failures: [[waiver]] with rule, reason, until."
    fail_on: tuple[FailOn, ...] = ()
    "Exit 1 also for a SHOULD failure, an untestable verdict or a stale waiver. Repeatable. Default: must."
    strict: bool = False
    "Exit 1 also for a SHOULD failure, an untestable verdict or a stale waiver: each --fail-on."


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How the verdicts are reported."""

    report: tuple[str, ...] = ()
    """Also write a report as json, json-full, junit, markdown, html, sarif, github, badge, har: FORMAT=PATH;
    the path - is standard output."""
    format: Literal["full", "short"] = "full"
    "What is printed: full, or short: one line for each place in which a rule failed. Default: full."
    quiet: Annotated[bool, Parameter(alias="-q")] = False
    "Print the first lines only; with --format short, no first lines."
    verbose: Annotated[bool, Parameter(alias="-v")] = False
    "Print all failures; with --format short, also waived failures and untestable verdicts."
    color: Color = "auto"
    "Colours on standard output. auto: on a terminal, unless NO_COLOR is set. Default: auto."


# The groups of commands that do not take each option


@dataclass(frozen=True, kw_only=True)
class GatewaySelection(SelectionOptions):
    """Which requests are sent through a gateway."""

    suite: Literal["smoke", "gate", "full"] = "gate"
    "Suite of requests. Default: gate."


@dataclass(frozen=True, kw_only=True)
class LoadSelection(SelectionOptions):
    """Which requests the users of a load test send."""

    suite: Annotated[Literal["smoke", "gate", "full", "fields"], _refused("load", usual="gate")] = "gate"


@dataclass(frozen=True, kw_only=True)
class LoadLimits(LimitOptions):
    """Limits of a load test."""

    concurrency: Annotated[int | None, _refused("load", "accepted: --users")] = None


@dataclass(frozen=True, kw_only=True)
class MatrixLimits(LimitOptions):
    """Limits of each run of a matrix."""

    dry_run: Annotated[bool, _refused("matrix", "accepted: `conformance run --target NAME --dry-run`", usual=False)] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class FuzzSelection(SelectionOptions):
    """Which APIs are fuzzed."""

    suite: Annotated[Literal["smoke", "gate", "full", "fields"], _refused("fuzz", usual="gate")] = "gate"


@dataclass(frozen=True, kw_only=True)
class FuzzLimits(LimitOptions):
    """Limits of fuzzing, which sends one case after the other."""

    concurrency: Annotated[int | None, _refused("fuzz")] = None
    max_requests: Annotated[int | None, _refused("fuzz", "accepted: --max-examples")] = None
    max_cost: Annotated[float | None, _refused("fuzz", "accepted: --max-tokens and --max-examples")] = None
    dry_run: Annotated[bool, _refused("fuzz", usual=False)] = False


@dataclass(frozen=True, kw_only=True)
class FuzzVerdict(VerdictOptions):
    """What counts as a failure of fuzzing, which all rules judge."""

    select: Annotated[tuple[str, ...], _refused("fuzz", usual=())] = ()
    ignore: Annotated[tuple[str, ...], _refused("fuzz", usual=())] = ()


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a user requests, on the command line or of pytest."""

    target: TargetOptions = TargetOptions()
    selection: SelectionOptions = SelectionOptions()
    limits: LimitOptions = LimitOptions()
    verdict: VerdictOptions = VerdictOptions()
