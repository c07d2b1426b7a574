"""The options of the command line: what they are called, what they take, and what they mean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

TARGET, QUESTIONS, BOUNDS, OUTPUT = (
    Group(name, sort_key=place) for place, name in enumerate(("Target", "Questions", "Bounds", "Output"), 1)
)

ApiName = Literal["chat", "messages", "responses"]


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
class Whom:
    """What is tested; without any of these, the embedded deployment `native-sse`."""

    base_url: str | None = None
    "Address of the deployment as far as the API's own path begins, usually ending in /v1. Default: the embedded one."
    model: str | None = None
    "Name of a model that it serves."
    api_key_env: str | None = None
    "Name of the environment variable that holds the API key."
    target: str | None = None
    "Name of a target in the file that --config names."
    config: Path | None = None
    "TOML file of targets: [targets.NAME] with base_url, model, key_env, headers, apis, paths, policy, prices."
    deployment: str | None = None
    "Name of an embedded deployment (`conformance list deployments`)."
    defect: str | None = None
    "Name of a defect or legal variant to plant in it (`conformance list defects`)."
    path: tuple[str, ...] = ()
    "Where an API is, behind the base URL: API=/PATH, for example chat=/inference. Repeatable."
    price_input: Price = None
    "US dollars per million prompt tokens."
    price_output: Price = None
    "US dollars per million completion tokens."
    price_request: Price = None
    "US dollars per request, where the target bills so. Embedded deployments: 0.018, as in the incident."
    messages_per_day: Amount = None
    "User messages a day, to price what a fault wastes."


@Parameter(name="*", group=QUESTIONS)
@dataclass(frozen=True, kw_only=True)
class What:
    """What is asked, and as whom."""

    api: tuple[ApiName, ...] = ()
    "Ask this API only, and fail if it is missing. Repeatable."
    profile: tuple[str, ...] = ()
    "Ask as this framework, or `all` (`conformance list profiles`). Repeatable. Default: the gate's four."
    suite: Literal["smoke", "gate", "full", "fields"] = "gate"
    "How much to ask; `fields` asks what becomes of every request field, and no more. Default: gate."
    streaming: Literal["required", "stopgap-ok"] | None = None
    "Whether a declared refusal of streaming (501) will do for now. Default: required."
    unknown_fields: Literal["reject", "announce", "allow"] | None = None
    "What the target promises to do with fields that it does not know."


@Parameter(name="*", group=BOUNDS)
@dataclass(frozen=True, kw_only=True)
class HowMuch:
    """What a run may take."""

    concurrency: Count = None
    "Exchanges at a time. Default: 8, and 16 where it is judged whether they are kept apart."
    timeout: Amount = None
    "Seconds that one exchange may take. Default: 60."
    max_requests: Count = None
    "Send no more requests than this."
    max_tokens: Count = None
    "Send no request that could take the run above this many tokens."
    max_cost: Amount = None
    "Send no request that could take the run above this many US dollars; needs prices."
    dry_run: bool = False
    "Show the requests and what they could cost, and send nothing."


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Told:
    """How the verdicts are told."""

    report: tuple[str, ...] = ()
    "Also write a report as json, junit, markdown, html, sarif, github, badge, har: FORMAT=PATH, - for the screen."
    waivers: Path | None = None
    "TOML file of accepted failures: [[waiver]] with rule, reason, until."
    strict: bool = False
    "Exit 1 also for a SHOULD, an untestable and a stale waiver."


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a user asks for, said on the command line or to pytest."""

    whom: Whom = Whom()
    what: What = What()
    how_much: HowMuch = HowMuch()
    strict: bool = False
