"""The report in SARIF 2.1.0, for code scanning: one result per failing rule, pointing into the recording."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import UNSET

from conformance.model.verdict import Level, Status
from conformance.report.document import Report, ReportSpan, ReportVerdict
from conformance.report.failures import ORDER, Recording, describe, text

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_PLACES: Final = 100
LEVELS: Final = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "note"}


def render(report: Report, evidence: Recording) -> bytes:
    """A SARIF log, as bytes. Waived failures are included as suppressed."""
    failed = [verdict for verdict in report.verdicts if verdict.status is Status.FAIL]
    rules = sorted({verdict.rule for verdict in failed})
    run = {
        "tool": {"driver": _driver(report, rules)},
        "invocations": [{"executionSuccessful": report.exit_code in (0, 1), "exitCode": report.exit_code}],
        "originalUriBaseIds": {"RUN": {"description": {"text": "The run folder."}}},
        "results": [_result(group, rules.index(group[0].rule), report, evidence) for group in _grouped(failed)],
        "columnKind": "unicodeCodePoints",
        "properties": {"target": report.target.name, "model": report.target.model, "suite": report.suite},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False).encode() + b"\n"


def _driver(report: Report, rules: list[str]) -> dict[str, Any]:
    return {
        "name": report.tool.name,
        "semanticVersion": report.tool.version,
        "rules": [_rule(name, report) for name in rules],
    }


def _rule(name: str, report: Report) -> dict[str, Any]:
    page = report.rules[name]
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in page.fault.split("-")),
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why},
        "help": {"text": f"{page.fix} See {page.spec}"},
        "helpUri": page.spec,
        "defaultConfiguration": {"level": LEVELS[page.level]},
        "properties": {"tags": [page.family, page.level.value]},
    }


def _grouped(failed: Sequence[ReportVerdict]) -> Iterator[list[ReportVerdict]]:
    """The failures of each rule, MUST first; waived ones apart."""
    groups: dict[tuple[str, str], list[ReportVerdict]] = {}
    for verdict in sorted(failed, key=lambda v: ORDER[v.level]):
        groups.setdefault((verdict.rule, verdict.waived), []).append(verdict)
    yield from groups.values()


def _result(group: Sequence[ReportVerdict], index: int, report: Report, evidence: Recording) -> dict[str, Any]:
    """A rule's result: the first place is its location, the others are related locations."""
    first = group[0]
    where, *others = _locations(group, report, evidence)
    result: dict[str, Any] = {
        "ruleId": first.rule,
        "ruleIndex": index,
        "level": LEVELS[first.level],
        "kind": "fail",
        "message": {"text": text(describe(group, report, evidence))},
        "locations": [where],
        "relatedLocations": [{"id": number} | place for number, place in enumerate(others, 1)],
        "partialFingerprints": {"rule/v1": "/".join(filter(None, (first.rule, first.waived)))},
        "properties": {
            name: sorted(values)
            for name in ("api", "profile", "mode", "probe", "host", "model")
            if (values := {getattr(verdict, name) for verdict in group} - {UNSET})
        },
    }
    if first.waived:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": first.waived}]
    return result


def _locations(group: Sequence[ReportVerdict], report: Report, evidence: Recording) -> list[dict[str, Any]]:
    """The byte ranges, relative to the run folder; the complete response where no finding has a position."""
    found: dict[str, dict[str, Any]] = {}
    for verdict in group:
        pointed = [_location(seen.seen, seen.at, evidence) for seen in verdict.findings if seen.at]
        for place in (*(pointed or [_response(verdict, evidence)]), *_upstream(verdict, report)):
            found.setdefault(json.dumps(place["physicalLocation"]), place)
    return list(found.values())[:MOST_PLACES]


def _response(verdict: ReportVerdict, evidence: Recording) -> dict[str, Any]:
    """The file with a verdict's response; the folder of the run if it judged none."""
    name = next(iter(verdict.exchanges), "")
    where = _artifact(name, evidence.received_file) if name else {"uri": "run.json", "uriBaseId": "RUN"}
    return {"physicalLocation": {"artifactLocation": where}, "message": {"text": verdict.message}}


def _upstream(verdict: ReportVerdict, report: Report) -> Iterator[dict[str, Any]]:
    """The files with the requests upstream, through a gateway."""
    names = (
        report.gateway.upstream_of(verdict.exchanges[0]) if report.gateway is not UNSET and verdict.exchanges else ()
    )
    for number, name in enumerate(names, 1):
        where, words = _artifact(name, "sent.bin"), f"the request as it arrived upstream, attempt {number}"
        yield {"physicalLocation": {"artifactLocation": where}, "message": {"text": words}}


def _location(words: str, at: ReportSpan, evidence: Recording) -> dict[str, Any]:
    region = {"byteOffset": at.start, "byteLength": at.end - at.start}
    file = "sent.bin" if at.side == "sent" else evidence.received_file
    where = {"artifactLocation": _artifact(at.exchange, file), "region": region}
    return {"physicalLocation": where, "message": {"text": words}}


def _artifact(exchange: str, file: str) -> dict[str, str]:
    return {"uri": f"exchanges/{exchange}/{file}", "uriBaseId": "RUN"}
