"""The self-test: run the gate on every planted defect and legal variant; the result is the kill matrix.

A deployment's response is a pure function of the request. So each deployment is recorded once without changes; for a
change, only requests whose responses it alters are sent, and the other exchanges are reused, with the verdicts that
depend on them alone. Harness and server share an event loop in virtual time and a Unix socket: all recorded times are
exact, on a busy machine as on an idle one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import repeat
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import NamedTuple

import anyio
import msgspec

from conformance.catalogue import DEFAULT_PROFILES, of_one_side
from conformance.confirmation import timed
from conformance.judging import Judgement, judge
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Request
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Target
from conformance.model.verdict import Level, Status
from conformance.model.words import CONVERSATIONAL, Api, Suite
from conformance.plan import plan
from conformance.preflight import next_request
from conformance.reuse import CaseGroup as Case
from conformance.reuse import PreviousVerdicts, ReusableVerdicts, index_verdicts
from conformance.runner import NOTHING, Earlier, NullProgress, RunOptions, record
from conformance.storage.memory import InMemoryRun
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS, response_to, written
from conformance.testbed.server.planned import server_request
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse
from conformance.testbed.server.serve import serve
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.limits import Limits

KEY = "sk-self-test-0123456789"
"""Sent to every deployment, so that a repeated key is detected."""
LIMITS = Limits(timeout_s=8.0, silence_s=3.0, first_byte_s=3.0, post_response_s=0.02)
"""Short, to simulate little of a deployment that hangs; in virtual time nothing else can be late."""
CONCURRENCY = 8
PLACEHOLDER_URL = "http://reference/v1"


class History(NamedTuple):
    """Server state when a request arrives: the fields of the same names in `ServerRequest`."""

    disconnects: int = 0
    running: int = 0
    earlier: int = 0


HISTORIES = (History(), History(disconnects=1, running=1), History(earlier=1))
"""Server states to simulate: some defects appear only after a disconnect or an earlier request."""

DISCONNECTED = (Kind.DISCONNECT, Kind.AFTER_DISCONNECT, Kind.RETRY)
"""A request with a disconnect, and those after it."""

USUAL: tuple[Api, ...] = CONVERSATIONAL
"""The APIs of a run that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the kill matrix: the rules that failed on one deployment, and the rule that must."""

    name: str
    title: str
    suite: Suite
    caught_by: str
    must: tuple[str, ...]
    should: tuple[str, ...]
    errors: tuple[str, ...]
    requests: int

    @property
    def as_expected(self) -> bool:
        """Whether a defect is caught by the rule that it names; a variant or good deployment must fail no MUST."""
        if self.errors:
            return False
        return self.caught_by in (*self.must, *self.should) if self.caught_by else not self.must


@dataclass(frozen=True, kw_only=True, repr=False)
class JudgedRecording:
    """A recording with its judgement. It has no repr: asyncio builds one of each result."""

    facts: RunManifest
    exchanges: dict[str, Exchange]
    judgement: Judgement

    @cached_property
    def previous(self) -> dict[Case, PreviousVerdicts]:
        """The verdicts, indexed for reuse."""
        return index_verdicts(self.judgement.verdicts)

    @cached_property
    def previous_timed(self) -> dict[Case, PreviousVerdicts]:
        """As `previous`, of the rules about time."""
        about_time = {rule.id for rule in timed(of_one_side()).rules}
        return index_verdicts(v for v in self.judgement.verdicts if v.rule in about_time)


def run_change(
    deployment: str,
    change: Mutation | None,
    policy: Policy,
    *,
    apis: tuple[Api, ...] = USUAL,
    suite: Suite = "full",
    base: JudgedRecording | None = None,
    real_time: bool = False,
) -> JudgedRecording:
    """Run a suite, all profiles, against an embedded deployment, and judge the recording.

    Exchanges that `change` does not affect are reused from `base`. In `real_time`: over TCP, within the usual limits.
    """
    names = _unaffected_requests(deployment, change, suite) if base and change else ()
    same = {name: base.exchanges[name] for name in names} if base else {}
    earlier = Earlier(same, base.previous_timed) if base else NOTHING

    async def run(unix_socket: str | None) -> JudgedRecording:
        planted = (change,) if change else ()
        async with serve(DEPLOYMENTS[deployment], planted, unix_socket=unix_socket, key=KEY) as url:
            target = Target(name=deployment, base_url=url, model="reference", apis=apis, policy=policy)
            store = InMemoryRun()
            options = RunOptions(
                target=target,
                profiles=DEFAULT_PROFILES,
                suite=suite,
                limits=LIMITS if unix_socket else Limits(),
                unix_socket=unix_socket,
                concurrency=CONCURRENCY,
                key=KEY,
            )
            facts = await record(options, store, NullProgress(), earlier)
        reused = frozenset(name for name, x in same.items() if store.written.get(name) is x)
        known = ReusableVerdicts(base.previous, reused) if base else None
        judgement = judge(facts, store.exchange, store.ids(), known)
        return JudgedRecording(facts=facts, exchanges=store.written, judgement=judgement)

    if real_time or (change and change.needs_tcp):
        return anyio.run(run, None)
    with TemporaryDirectory() as folder:
        return anyio.run(run, f"{folder}/server", backend_options=IN_VIRTUAL_TIME)


@cache
def _predicted_replies(
    deployment: str, suite: Suite, apis: tuple[Api, ...]
) -> dict[str, tuple[tuple[ServerRequest, ModelResponse, WireResponse], ...]]:
    """The responses that the deployment would send to each request of a run, one per state."""
    predicted = {}
    for request in _planned(suite, apis):
        first = server_request(request, PLACEHOLDER_URL, KEY)
        seen = [replace(first, disconnects=h.disconnects, running=h.running, earlier=h.earlier) for h in HISTORIES]
        responses = [response_to(each, DEPLOYMENTS[deployment], key=KEY) for each in seen]
        pairs = zip(seen, responses, strict=True)
        predicted[request.id] = tuple((each, response, written(response, each)) for each, response in pairs)
    return predicted


def _unaffected_requests(deployment: str, change: Mutation, suite: Suite) -> frozenset[str]:
    """The requests whose responses a change does not alter, in any state.

    A request after a disconnect depends on it: if one of the two is sent again, both are.
    """
    predicted = _predicted_replies(deployment, suite, change.apis)
    shown = {
        name
        for name, ways in predicted.items()
        if _depends(ways) or any(_alters_reply(deployment, change, *w) for w in ways)
    }
    cases = {request.id: request.cases[0] for request in _planned(suite, change.apis)}
    subjects = {cases[name].subject for name in shown if cases[name].kind in DISCONNECTED}
    shown |= {name for name, case in cases.items() if case.kind in DISCONNECTED and case.subject in subjects}
    return frozenset(predicted) - shown


@cache
def _planned(suite: Suite, apis: tuple[Api, ...]) -> tuple[Request, ...]:
    """The requests of a run, with the first ones of its preflight."""
    target = Target(base_url=PLACEHOLDER_URL, model="reference", apis=apis)
    first = (next_request(target, api, ()) for api in apis)
    return (*filter(None, first), *plan(target, DEFAULT_PROFILES, suite))


def _depends(ways: tuple[tuple[ServerRequest, ModelResponse, WireResponse], ...]) -> bool:
    """Whether a response depends on the state of the server."""
    return any(reply != ways[0][-1] for _, _, reply in ways)


def _alters_reply(
    deployment: str, change: Mutation, request: ServerRequest, response: ModelResponse, reply: WireResponse
) -> bool:
    """Whether a change alters the response to a request; it is serialized again only if its content differs."""
    read = change.on_request(request) if change.on_request else request
    unchanged = response if read == request else response_to(read, DEPLOYMENTS[deployment], key=KEY)
    changed = change.on_response(unchanged, read) if change.on_response else unchanged
    as_written = reply if changed == response else written(changed, read)
    return (change.on_wire(as_written, read) if change.on_wire else as_written) != reply


@cache
def recorded(deployment: str, policy: Policy, suite: Suite, apis: tuple[Api, ...] = USUAL) -> JudgedRecording:
    """The recording of a deployment without changes, judged under a policy."""
    usual = POLICIES.get(deployment, Policy())
    if policy == usual:
        return run_change(deployment, None, policy, apis=apis, suite=suite)
    return judged_under(policy, recorded(deployment, usual, suite, apis))


def judged_under(policy: Policy, run: JudgedRecording) -> JudgedRecording:
    """The same recording, judged under another policy."""
    target = msgspec.structs.replace(run.facts.target, policy=policy)
    facts = msgspec.structs.replace(run.facts, target=target)
    return replace(run, facts=facts, judgement=judge(facts, run.exchanges.__getitem__, sorted(run.exchanges)))


BaseOf = Callable[[str, Policy, Suite, tuple[Api, ...]], JudgedRecording]
"""Returns the recording of a deployment without changes."""


class Subject(NamedTuple):
    """Subject of a line of the kill matrix: a deployment, with or without a change, under its policy.

    `caught_by` is the rule that must fail, or empty.
    """

    deployment: str
    change: Mutation | None
    policy: Policy
    caught_by: str


def subject(name: str) -> Subject:
    """The deployment, defect or variant of that name."""
    change = changes.find(name)
    deployment = change.on if change else name
    policy = change.policy if change and change.policy else POLICIES.get(deployment, Policy())
    return Subject(deployment, change, policy, change.caught_by if change else FAULTY_DEPLOYMENTS.get(name, ""))


def run_subject(name: str, suite: Suite = "full", base_of: BaseOf = recorded) -> JudgedRecording:
    """The recording of a deployment, defect or variant, judged under its policy."""
    deployment, change, policy, _ = subject(name)
    apis = change.apis if change else USUAL
    base = base_of(deployment, policy, suite, apis)
    return run_change(deployment, change, policy, apis=apis, suite=suite, base=base) if change else base


def evaluate(name: str, suite: Suite) -> Row:
    """The kill matrix's line of a deployment, defect or variant."""
    return summarize(name, run_subject(name, suite))


def summarize(name: str, run: JudgedRecording) -> Row:
    """The kill matrix's line of a deployment, defect or variant in a run."""
    change, judgement = changes.find(name), run.judgement
    notable = [v for v in judgement.verdicts if v.status in (Status.FAIL, Status.ERROR)]

    def failing(level: Level) -> tuple[str, ...]:
        return tuple(sorted({v.rule for v in notable if v.level is level and v.status is Status.FAIL}))

    return Row(
        name=name,
        title=change.title if change else DEPLOYMENTS[name].title,
        suite=run.facts.suite,
        caught_by=subject(name).caught_by,
        must=failing(Level.MUST),
        should=failing(Level.SHOULD) + failing(Level.MAY),
        errors=tuple(sorted({v.message for v in notable if v.status is Status.ERROR})),
        requests=judgement.requests,
    )


FAULTY_DEPLOYMENTS = {"silent-json": "FLD001", "sse-proxy": "DLV001"}
"""Deployments that are non-conformant under any policy, and the rule that must fail."""

POLICIES = {"stopgap-501": Policy(streaming="stopgap-ok")}
"""The policy under which a deployment is conformant."""


def subjects() -> tuple[str, ...]:
    """The names of the deployments, every variant and every defect."""
    return (*DEPLOYMENTS, *(change.name for change in (*changes.variants(), *changes.defects())))


def rows(names: Sequence[str], suite: Suite = "full") -> Iterator[Row]:
    """The lines of the kill matrix, in order, computed on all processors."""
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(evaluate, names, repeat(suite), chunksize=8)
