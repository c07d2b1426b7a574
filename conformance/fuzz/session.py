"""One fuzz run on one target: baseline requests, fuzzing, and storing the failures as a run."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal

from conformance import __version__, catalogue, preflight
from conformance.apis.in_dialect import raw_in_dialect
from conformance.apis.specs import spec, url_of
from conformance.fuzz import from_openapi, openapi
from conformance.fuzz.cases import Case, Strategy, fixed, kinds
from conformance.fuzz.fuzzer import Cases, Fuzzer
from conformance.judging import Judgement, judge
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Exchange, Request
from conformance.model.profile import Profile
from conformance.model.run import RunManifest, Stopped
from conformance.model.target import Target
from conformance.model.verdict import Status, Verdict
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object
from conformance.plan import plan, planned_apis, request_headers
from conformance.runner import REDACTED, Progress, RunOptions, Store
from conformance.transport.client import exchange_once
from conformance.transport.proxies import Trust

ReportLine = Callable[[str], None]
POST_RESPONSE_S: Final = 0.01
"""Wait for late bytes; short, because cases are sent one after the other."""


@dataclass(slots=True, kw_only=True)
class Session:
    """Sends cases to a target, one at a time. `baselines` are the baseline exchanges, by API."""

    options: RunOptions = field(repr=False)
    portal: BlockingPortal = field(repr=False)
    progress: Progress | None = None
    preflight: list[Exchange] = field(default_factory=list)
    dialects: dict[Api, Dialect] = field(default_factory=dict)
    baselines: dict[Api, tuple[Exchange, ...]] = field(default_factory=dict)
    cases_sent: int = 0

    @property
    def target(self) -> Target:
        """The target under test."""
        return self.options.target

    def send(self, request: Request) -> Exchange:
        """Send one request."""
        secrets = [s for s in (*self.target.headers.values(), self.options.key) if s]
        trust = Trust(self.target.cacert, self.target.insecure)
        options = self.options
        return self.portal.call(exchange_once, request, options.key, options.limits, tuple(secrets), None, trust)

    def send_preflight(self) -> None:
        """Send the preflight of every API: it shows how the model has to be asked."""
        for api in planned_apis(self.target, self.options.profiles):
            seen: list[Exchange] = []
            while (due := preflight.next_request(self.target, api, seen)) and len(seen) < preflight.MOST_REQUESTS:
                seen.append(self.send(due))
            self.preflight += seen
            self.dialects[api] = preflight.settled(self.target, api, seen)

    def send_baselines(self) -> None:
        """Send the baseline requests of every API."""
        for request in plan(self.target, self.options.profiles, "fuzz", self.dialects):
            x = self.send(request)
            self.baselines[x.api] = (*self.baselines.get(x.api, ()), x)

    def send_case(self, api: Api, case: Case) -> Exchange:
        """Send a case as the API's own SDK would."""
        self.cases_sent += 1
        profile, dialect = _sdk(api), self.dialects.get(api, USUAL)
        case_id = CaseId(api, profile.name, case.mode, case.kind, case.subject, case.variant)
        x = self.send(
            Request(
                id=f"{api}.{case.kind}-{self.cases_sent:04d}",
                cases=(case_id,),
                method="POST",
                url=url_of(self.target, api) + profile.query,
                headers=request_headers(self.target, profile, case.mode, dialect),
                body=raw_in_dialect(case.body, api, dialect),
            )
        )
        if self.progress:
            self.progress.done(x)
        return x

    def judge(self, api: Api, x: Exchange) -> tuple[Verdict, ...]:
        """The verdicts on a case, without rules that the baseline requests fail, too."""
        judged = self.judgement(self.exchanges(api, x))
        usual = {v.rule for v in judged.verdicts if v.status is Status.FAIL and v.case.kind is Kind.BASELINE}
        return tuple(v for v in judged.verdicts if v.probe == x.case.probe and v.rule not in usual)

    def exchanges(self, api: Api, x: Exchange) -> dict[str, Exchange]:
        """A case's exchange after the baseline exchanges of its API, by ID."""
        return {one.id: one for one in (*self.baselines[api], x)}

    def judgement(self, exchanges: Mapping[str, Exchange]) -> Judgement:
        """Judge these exchanges."""
        return judge(self.facts(tuple(exchanges)), exchanges.__getitem__, tuple(exchanges))

    def stopped(self) -> tuple[Stopped, str]:
        """The `stopped` code and its reason after the preflight; empty if an API can be tested."""
        return preflight.failure(self.preflight, self.options.limits.timeout_s)

    def facts(self, planned: tuple[str, ...], **more: object) -> RunManifest:
        """The manifest of a run with these exchanges."""
        hidden = msgspec.structs.replace(self.target, headers=dict.fromkeys(self.target.headers, REDACTED))
        facts = RunManifest(
            tool=f"oai-conformance {__version__}",
            started=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            target=hidden,
            suite="fuzz",
            profiles=(),
            planned=planned,
            dialects=self.dialects,
            strict=self.options.strict,
        )
        return msgspec.structs.replace(facts, **more)


def _sdk(api: Api) -> Profile:
    return next(p for p in catalogue.profiles() if (p.api, p.name) == (api, spec(api).base_profile))


@contextmanager
def opened(options: RunOptions, progress: Progress | None = None) -> Iterator[Session]:
    """Open a session until the context exits."""
    brief = replace(
        options,
        limits=msgspec.structs.replace(
            options.limits, post_response_s=min(POST_RESPONSE_S, options.limits.post_response_s)
        ),
    )
    with start_blocking_portal("asyncio") as portal:
        yield Session(options=brief, portal=portal, progress=progress)


def fuzz_run(
    options: RunOptions,
    store: Store,
    progress: Progress,
    *,
    examples: int,
    seed: int,
    kept: Path,
    report: ReportLine,
) -> RunManifest:
    """Fuzz every API of the target, store the baseline and the failing exchanges, and return the run's facts.

    `kept` is the folder of failures of earlier runs. Ctrl-C ends the run early: failures found so far are stored.
    """
    began = time.monotonic()
    with opened(options, progress) as session:
        session.send_preflight()
        stopped, why = session.stopped()
        if not stopped:
            session.send_baselines()
        progress.total(examples * len(session.baselines))
        fuzzers = {api: _fuzzer(session, api, options.max_tokens) for api in session.baselines}
        try:
            for api, fuzzer in fuzzers.items() if not stopped else ():
                _fuzz_api(session, api, fuzzer, Bounds(examples, seed, kept), report)
        except KeyboardInterrupt:
            stopped, why = "interrupted", "stopped by the user"
        found = [error.exchange for fuzzer in fuzzers.values() for error in fuzzer.failures.values()]
        exchanges = [*session.preflight, *(x for baselines in session.baselines.values() for x in baselines), *found]
        for x in exchanges:
            store.write(x)
        facts = session.facts(
            tuple(x.id for x in exchanges),
            seed=seed,
            duration_s=round(time.monotonic() - began, 3),
            stopped=stopped,
            stopped_why=why,
        )
    store.write_facts(facts)
    return facts


class Bounds(NamedTuple):
    """Number of cases, random seed, and the folder for failing cases."""

    examples: int
    seed: int
    kept: Path


def _fuzzer(session: Session, api: Api, max_tokens: int | None) -> Fuzzer:
    return Fuzzer(lambda case: session.send_case(api, case), lambda x: session.judge(api, x), max_tokens)


def _fuzz_api(session: Session, api: Api, fuzzer: Fuzzer, bounds: Bounds, report: ReportLine) -> None:
    """Fuzz one API; skip it if its baseline requests fail."""
    if not all(reply(x).status == 200 for x in session.baselines[api]):
        report(f"{api}: the baseline request failed, so the API is not fuzzed")
        return
    model = session.target.model
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in session.target.name)
    own = kinds(api, model) | from_openapi.kinds(openapi.document(), spec(api).path, api, model)
    found = _published_document(session, api)
    mistyped = from_openapi.mistyped(*found, api, model) if found else []
    drawn = own | _published_kinds(*found, api, model) if found else own
    cases = Cases(mistyped, fixed(api, model), drawn)
    fuzzer.run(cases, bounds.examples, bounds.seed, bounds.kept / f"{name}-{api}.json")
    report(f"{api}: {len(fuzzer.exchanges)} cases sent, {len(fuzzer.failures)} kinds of failure found")


def _published_document(session: Session, api: Api) -> tuple[Any, str] | None:
    """The target's own OpenAPI document and the API's path in it, or None if it publishes none for this API."""
    root = session.target.base_url.rstrip("/")
    for url in dict.fromkeys((f"{root}/openapi.json", f"{root.removesuffix('/v1')}/openapi.json")):
        case = CaseId(api, spec(api).base_profile, "unary", Kind.API_DOCUMENT)
        x = session.send(Request(id="document", cases=(case,), method="GET", url=url, headers=(), body=b""))
        document = parse_json(reply(x).content)
        path = next((p for p in as_object(as_object(document).get("paths")) if p.endswith(spec(api).path)), None)
        if document is not NOT_JSON and path is not None and reply(x).status == 200:
            return document, path
    return None


def _published_kinds(document: Any, path: str, api: Api, model: str) -> dict[str, Strategy]:
    try:
        return from_openapi.kinds(document, path, api, model, "their-own-")
    except Exception:  # noqa: BLE001 - an invalid document must not stop the run
        return {}
