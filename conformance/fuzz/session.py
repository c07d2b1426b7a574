"""A session with one target: the preflight, the baseline requests, and then cases one after the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from anyio.from_thread import BlockingPortal, start_blocking_portal

from conformance import catalogue
from conformance.apis.in_dialect import raw_in_dialect
from conformance.apis.specs import spec, url_of
from conformance.fuzz.case import Case
from conformance.judging import Judgement, judge
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Exchange, Request
from conformance.model.profile import Profile
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import Status, Verdict
from conformance.model.words import Api
from conformance.plan import plan, planned_apis, request_headers
from conformance.run_facts import TOOL, timestamp, without_values
from conformance.runner import Progress, RunOptions
from conformance.set_up.asking import FirstResponses, first_requests
from conformance.set_up.mistakes import NO_MISTAKE, Mistake
from conformance.transport.client import exchange_once

POST_RESPONSE_S: Final = 0.01
"""Wait for late bytes; short, because cases are sent one after the other."""


@dataclass(slots=True, kw_only=True)
class Session:
    """Sends cases to a target, one at a time. `baselines` are the baseline exchanges, by API."""

    options: RunOptions = field(repr=False)
    portal: BlockingPortal = field(repr=False)
    progress: Progress | None = None
    preflight: list[Exchange] = field(default_factory=list)
    mistake: Mistake = NO_MISTAKE
    dialects: dict[Api, Dialect] = field(default_factory=dict)
    baselines: dict[Api, tuple[Exchange, ...]] = field(default_factory=dict)
    cases_sent: int = 0

    @property
    def target(self) -> Target:
        """The target under test."""
        return self.options.target

    def send(self, request: Request) -> Exchange:
        """Send one request."""
        one = self.options
        return self.portal.call(exchange_once, request, one.key, one.limits, one.secrets, None, one.trust)

    def send_preflight(self) -> None:
        """Send the preflight of every API: it shows how the model has to be asked, or why it can't be."""
        apis = planned_apis(self.target, self.options.profiles)
        asking = first_requests(self.target, apis, self.options.limits.timeout_s)
        try:
            due = next(asking)
            while True:
                due = asking.send(self.send(due))
        except StopIteration as over:
            found: FirstResponses = over.value
        self.preflight += found.exchanges
        self.dialects |= found.dialects
        self.mistake = found.mistake

    def send_baselines(self) -> None:
        """Send the baseline requests of every API."""
        for request in plan(self.target, self.options.profiles, "fuzz", self.dialects):
            x = self.send(request)
            self.baselines[x.api] = (*self.baselines.get(x.api, ()), x)

    def send_case(self, api: Api, case: Case) -> Exchange:
        """Send a case as the API's own SDK would."""
        self.cases_sent += 1
        profile, dialect = _sdk(api), self.dialects.get(api, USUAL)
        mode = case.mode if case.mode in profile.requests else "unary"
        case_id = CaseId(api, profile.name, mode, case.kind, case.subject, case.variant)
        x = self.send(
            Request(
                id=f"{api}.{case.kind}-{self.cases_sent:04d}",
                cases=(case_id,),
                method="POST",
                url=url_of(self.target, api) + profile.query,
                headers=request_headers(self.target, profile, mode, dialect),
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

    def facts(self, planned: tuple[str, ...], **more: object) -> RunManifest:
        """The manifest of a run with these exchanges."""
        facts = RunManifest(
            tool=TOOL,
            started=timestamp(),
            target=without_values(self.target),
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
