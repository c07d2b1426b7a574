"""The options of the command line: names, types and help texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from conformance.model.words import Api, FailOn
from conformance.report.display import Color

TARGET, REQUESTS, LIMITS, VERDICT, OUTPUT = (
    Group(name, sort_key=place) for place, name in enumerate(("Target", "Requests", "Limits", "Verdict", "Output"), 1)
)


def _positive(_kind: Any, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ValueError("Accepted: a number above 0.")


def _price(_kind: Any, value: float | None) -> None:
    if value is not None and not 0 <= value < float("inf"):
        raise ValueError("Accepted: a number of US dollars, 0 or more.")


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


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a user requests, on the command line or of pytest."""

    target: TargetOptions = TargetOptions()
    selection: SelectionOptions = SelectionOptions()
    limits: LimitOptions = LimitOptions()
    verdict: VerdictOptions = VerdictOptions()
