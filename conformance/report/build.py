"""Builds the report of a run. Pure: the same recording gives the same report."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from conformance import __version__, catalogue
from conformance.judging import Judgement
from conformance.load.result import LoadResult
from conformance.model.criteria import ALL_RULES, USUAL_CRITERIA, Criteria
from conformance.model.dialect import Dialect
from conformance.model.exchange import ReadExchange
from conformance.model.impact import Impact
from conformance.model.rule import Rule
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import Finding, Level, Status, Verdict
from conformance.model.waiver import Waiver
from conformance.model.words import Api, ExitCode, FailOn
from conformance.report import causes, fields, gateway, headline, open_responses, recordings, under_load
from conformance.report.document import (
    Cause,
    Harness,
    Report,
    ReportFinding,
    ReportGateway,
    ReportOpenResponses,
    ReportRecordings,
    ReportSpan,
    ReportTarget,
    ReportVerdict,
    ReportWaiver,
    RulePage,
    Summary,
    Tokens,
)
from conformance.report.escaping import safe, window
from conformance.report.scores import cases_by_status
from conformance.traffic import JudgedTraffic


class _Parts(NamedTuple):
    """What a report is made of; the last four are set where they concern the run."""

    verdicts: tuple[ReportVerdict, ...]
    waivers: tuple[ReportWaiver, ...]
    causes: tuple[Cause, ...]
    hurt: dict[str, tuple[Impact, ...]]
    recordings: ReportRecordings | UnsetType
    gateway: ReportGateway | UnsetType
    load: LoadResult | UnsetType
    open_responses: ReportOpenResponses | UnsetType


def build_report(
    facts: RunManifest,
    judgement: Judgement,
    load: ReadExchange,
    criteria: Criteria = USUAL_CRITERIA,
    traffic: JudgedTraffic | None = None,
    both_sides: ReportGateway | UnsetType = UNSET,
    load_result: LoadResult | None = None,
) -> Report:
    """Build the report of a run. Waivers expire by its day, so that judging it again later gives the same report.

    Recordings by other tools are judged as `traffic`: it has no baseline requests. `both_sides` is the part
    about a gateway, `load_result` what a load showed in numbers.
    """
    today = date.fromisoformat(facts.started[:10])
    criteria = replace(criteria, strict=criteria.strict or facts.strict)
    verdicts = tuple(_report_verdict(v, load, _reason(v, criteria.waivers, today)) for v in judgement.verdicts)
    hurt = {name: _impacts(facts, judgement.client_impacts[name]) for name in sorted(judgement.client_impacts)}
    parts = _Parts(
        verdicts=verdicts,
        waivers=tuple(_report_waivers(criteria, judgement.verdicts, today)),
        causes=causes.causes(verdicts, hurt),
        hurt=hurt,
        recordings=recordings.reported(facts.recordings, traffic, verdicts) if traffic and facts.recordings else UNSET,
        gateway=both_sides,
        load=under_load.reported(load_result) if load_result else UNSET,
        open_responses=UNSET if traffic else open_responses.reported(judgement.verdicts, facts.suite),
    )
    code = exit_code(
        facts,
        verdicts,
        parts.waivers,
        is_available=bool(facts.gateway) or not headline.is_unavailable(judgement.baselines, load),
        is_proof=_is_proof(judgement, verdicts, load, load_result, has_baselines=not traffic),
        fail_on=criteria.failing,
    )
    summary = _summary(verdicts, parts.waivers, _sentences(facts, judgement, parts, load, criteria), code)
    return _report(facts, judgement, criteria, parts, summary, code)


def _is_proof(
    judgement: Judgement,
    verdicts: Sequence[ReportVerdict],
    load: ReadExchange,
    load_result: LoadResult | None,
    *,
    has_baselines: bool,
) -> bool:
    """Whether a run can show that a target is conformant: its requests got responses, and rules decided."""
    if load_result is not None:
        why_not = under_load.without_evidence(load_result)
    else:
        why_not = headline.without_proof(judgement, load) if has_baselines else ""
    return judgement.requests > 0 and not (why_not or headline.is_undecided(verdicts))


def _sentences(
    facts: RunManifest, judgement: Judgement, parts: _Parts, load: ReadExchange, criteria: Criteria
) -> Iterator[str]:
    """The first lines of a report, by what was tested."""
    of_all = parts.verdicts, parts.causes, parts.waivers, criteria
    if parts.recordings is not UNSET:
        sentences = recordings.lines(facts, parts.recordings, *of_all)
    elif parts.load is not UNSET:
        sentences = under_load.lines(facts, parts.load, *of_all)
    else:
        sentences = headline.lines(facts, judgement, parts.verdicts, load, parts.causes, parts.waivers, criteria)
    return sentences if parts.gateway is UNSET else gateway.lines(facts, parts.gateway, sentences)


def _report(
    facts: RunManifest, judgement: Judgement, criteria: Criteria, parts: _Parts, summary: Summary, code: int
) -> Report:
    apis = tuple(sorted({v.api for v in parts.verdicts} or set(facts.target.apis)))
    return Report(
        tool=Harness("oai-conformance", __version__),
        target=_report_target(facts.target, apis),
        suite=facts.suite,
        profiles=facts.profiles,
        started=facts.started,
        duration_s=facts.duration_s,
        dialect={api: _safe_dialect(dialect) for api, dialect in facts.dialects.items()},
        stopped=facts.stopped,
        stopped_why=safe(facts.stopped_why),
        strict=criteria.strict,
        fail_on=criteria.failing,
        select=criteria.rules.select,
        ignore=criteria.rules.ignore,
        seed=facts.seed,
        requests=judgement.requests,
        left_out=facts.left_out,
        tokens=Tokens(judgement.tokens_prompt, judgement.tokens_completion),
        cost_usd=_dollars(judgement.cost_usd),
        messages_per_day=facts.messages_per_day,
        verdicts=parts.verdicts,
        causes=parts.causes,
        rules=_pages(frozenset(verdict.rule for verdict in parts.verdicts)),
        capabilities={api: dict(states) for api, states in judgement.capabilities.items()},
        fields=fields.field_table(judgement),
        hints=tuple(fields.hints(judgement.capabilities, judgement.impact)),
        impact=_impacts(facts, judgement.impact),
        hurt=parts.hurt,
        waivers=parts.waivers,
        summary=summary,
        exit_code=code,
        recordings=parts.recordings,
        gateway=parts.gateway,
        load=parts.load,
        open_responses=parts.open_responses,
    )


def exit_code(
    facts: RunManifest,
    verdicts: Sequence[ReportVerdict],
    waivers: Sequence[ReportWaiver],
    *,
    is_available: bool,
    is_proof: bool,
    fail_on: Collection[FailOn],
) -> int:
    """The exit code: interrupted, unreachable target, failure, harness error or conformant.

    A target whose gateway responded that it is down is not tested, unless the upstream behind it is ours. A run that is
    no proof (without a successful baseline request, with a rate-limited one, with an API that rejects the key, or with
    no rule decided), or with requests that were not sent because of the target's responses, is never conformant: it is
    incomplete.
    """
    if facts.stopped:
        return ExitCode.INTERRUPTED if facts.stopped == "interrupted" else ExitCode.NOT_TESTED
    if not is_available:
        return ExitCode.NOT_TESTED
    if any(v.counts and v.level is Level.MUST for v in verdicts):
        return ExitCode.FAILED
    if any(v.status is Status.ERROR for v in verdicts):
        return ExitCode.HARNESS_ERROR
    if facts.incomplete or not is_proof:
        return ExitCode.NOT_TESTED
    found: dict[FailOn, bool] = {
        "should": any(v.counts and v.level is Level.SHOULD for v in verdicts),
        "untestable": any(v.status is Status.UNTESTABLE for v in verdicts),
        "stale-waiver": any(waiver.state != "used" for waiver in waivers),
    }
    return ExitCode.FAILED if any(found.get(what) for what in fail_on) else ExitCode.CONFORMANT


def _report_verdict(verdict: Verdict, load: ReadExchange, waived: str) -> ReportVerdict:
    return ReportVerdict(
        rule=verdict.rule,
        title=verdict.title,
        level=verdict.level,
        status=verdict.status,
        api=verdict.api,
        profile=safe(verdict.profile),
        mode=verdict.mode,
        probe=safe(verdict.probe),
        message=safe(verdict.message),
        findings=tuple(_report_finding(finding, verdict.exchanges, load) for finding in verdict.findings),
        exchanges=verdict.exchanges,
        waived=waived,
        unreliable=verdict.unreliable,
        cases=verdict.cases,
        host=safe(verdict.host) if verdict.host else UNSET,
        model=safe(verdict.model) if verdict.host else UNSET,
    )


def _report_finding(finding: Finding, exchanges: tuple[str, ...], load: ReadExchange) -> ReportFinding:
    """A finding with its bytes. If the verdict has several exchanges, the finding points into the first."""
    if finding.at is None or not exchanges:
        return ReportFinding(safe(finding.seen), safe(finding.expected))
    x = load(exchanges[0])
    span = finding.at
    place = ReportSpan(x.id, span.side, span.start, span.end)
    return ReportFinding(safe(finding.seen), safe(finding.expected), place, window(getattr(x, span.side), span))


def _reason(verdict: Verdict, waivers: Sequence[Waiver], today: date) -> str:
    if verdict.status is not Status.FAIL:
        return ""
    return next((safe(waiver.reason) for waiver in waivers if waiver.covers(verdict, today)), "")


def _report_waivers(criteria: Criteria, verdicts: Sequence[Verdict], today: date) -> Iterator[ReportWaiver]:
    """The waivers, without those that cover nothing, but might cover a failure of a rule that was not selected."""
    rules = () if criteria.rules == ALL_RULES else catalogue.rules()
    left_out = [rule.id for rule in rules if not criteria.rules.includes(rule)]
    for waiver in criteria.waivers:
        report = _report_waiver(waiver, verdicts, today)
        if report.failures or not any(fnmatchcase(rule, waiver.rule) for rule in left_out):
            yield report


def _report_waiver(waiver: Waiver, verdicts: Sequence[Verdict], today: date) -> ReportWaiver:
    failures = sum(v.cases for v in verdicts if v.status is Status.FAIL and waiver.covers(v, today))
    state = "expired" if today > waiver.until else "used" if failures else "stale"
    fields: dict[str, Any] = msgspec.structs.asdict(waiver)
    printable: dict[str, Any] = {
        name: safe(value) if isinstance(value, str) else value for name, value in fields.items()
    }
    return ReportWaiver(**printable, state=state, failures=failures)


def _report_target(target: Target, apis: tuple[Api, ...]) -> ReportTarget:
    return ReportTarget(
        name=safe(target.name),
        base_url=safe(target.base_url),
        model=safe(target.model),
        apis=apis,
        key_env=target.key_env,
        policy=target.policy,
    )


def _safe_dialect(dialect: Dialect) -> Dialect:
    return msgspec.structs.replace(dialect, refused={safe(name): safe(why) for name, why in dialect.refused.items()})


def _pages(names: frozenset[str]) -> dict[str, RulePage]:
    return {rule.id: _page(rule) for rule in catalogue.named(names)}


def _page(rule: Rule) -> RulePage:
    return RulePage(
        title=rule.title,
        level=rule.level,
        family=rule.family,
        fault=rule.slug,
        spec=rule.spec,
        fix=rule.fix,
        why=" ".join(rule.rationale.split()),
    )


def _impacts(facts: RunManifest, impacts: Iterable[Impact]) -> tuple[Impact, ...]:
    return tuple(_impact(impact, facts.messages_per_day) for impact in impacts)


def _impact(impact: Impact, messages_per_day: float | None) -> Impact:
    def daily(amount: float | None) -> float | None:
        return None if amount is None or messages_per_day is None else _dollars(amount * messages_per_day)

    return msgspec.structs.replace(
        impact,
        detail=safe(impact.detail),
        error=safe(impact.error),
        wasted_usd=_dollars(impact.wasted_usd),
        cost_usd=_dollars(impact.cost_usd),
        wasted_usd_day=daily(impact.wasted_usd),
        cost_usd_day=daily(impact.cost_usd),
    )


def _dollars(amount: float | None) -> float | None:
    """Round to a millionth of a cent, to hide floating-point noise in sums."""
    return None if amount is None else round(amount, 8)


def _summary(
    verdicts: Sequence[ReportVerdict], waivers: Sequence[ReportWaiver], headlines: Iterable[str], code: int
) -> Summary:
    counted = [v for v in verdicts if v.counts]
    return Summary(
        conformant=code == ExitCode.CONFORMANT,
        headline=tuple(map(safe, headlines)),
        verdicts=_by_status(verdicts),
        failed={level: sum(v.cases for v in counted if v.level is level) for level in Level},
        waived=sum(v.cases for v in verdicts if v.waived),
        stale_waivers=sum(waiver.state != "used" for waiver in waivers),
        profiles={name: _by_status(of_profile) for name, of_profile in _by_profile(verdicts)},
    )


def _by_status(verdicts: Sequence[ReportVerdict]) -> dict[str, int]:
    counts = cases_by_status(verdicts)
    return {status.value: counts[status] for status in Status}


def _by_profile(verdicts: Sequence[ReportVerdict]) -> Iterator[tuple[str, list[ReportVerdict]]]:
    groups: dict[str, list[ReportVerdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.profile, []).append(verdict)
    return iter(sorted(groups.items()))
