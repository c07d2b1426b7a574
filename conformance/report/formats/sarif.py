"""The report in SARIF 2.1.0, for code scanning: one result per failure, pointing into the recording."""

import json
from collections.abc import Iterator
from typing import Any, Final

from conformance.model.verdict import Level, Status
from conformance.report.document import Report, ReportSpan, ReportVerdict
from conformance.report.failures import Recording, describe, text

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_PLACES: Final = 10
LEVELS: Final = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "note"}


def render(report: Report, evidence: Recording) -> bytes:
    """A SARIF log, as bytes. Waived failures are included as suppressed."""
    failed = [verdict for verdict in report.verdicts if verdict.status is Status.FAIL]
    rules = sorted({verdict.rule for verdict in failed})
    run = {
        "tool": {"driver": _driver(report, rules)},
        "invocations": [{"executionSuccessful": report.exit_code in (0, 1), "exitCode": report.exit_code}],
        "originalUriBaseIds": {"RUN": {"description": {"text": "The run folder."}}},
        "results": [_result(verdict, rules.index(verdict.rule), report, evidence) for verdict in failed],
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


def _result(verdict: ReportVerdict, index: int, report: Report, evidence: Recording) -> dict[str, Any]:
    place = f"{verdict.rule}/{verdict.api}/{verdict.profile}/{verdict.mode}/{verdict.probe}"
    result: dict[str, Any] = {
        "ruleId": verdict.rule,
        "ruleIndex": index,
        "level": LEVELS[verdict.level],
        "kind": "fail",
        "message": {"text": text(describe((verdict,), report, evidence))},
        "locations": list(_locations(verdict, evidence)),
        "partialFingerprints": {"place/v1": place},
        "properties": {"api": verdict.api, "profile": verdict.profile, "mode": verdict.mode, "probe": verdict.probe},
    }
    if verdict.waived:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": verdict.waived}]
    return result


def _locations(verdict: ReportVerdict, evidence: Recording) -> Iterator[dict[str, Any]]:
    """The byte ranges, relative to the run folder; the complete response if no finding has a position."""
    pointed = [(seen.seen, seen.at) for seen in verdict.findings if seen.at]
    yield from (_location(words, at, evidence) for words, at in pointed[:MOST_PLACES])
    if not pointed:
        for name in verdict.exchanges[:1]:
            yield {"physicalLocation": {"artifactLocation": _artifact(name, evidence.received_file)}}


def _location(words: str, at: ReportSpan, evidence: Recording) -> dict[str, Any]:
    region = {"byteOffset": at.start, "byteLength": at.end - at.start}
    file = "sent.bin" if at.side == "sent" else evidence.received_file
    where = {"artifactLocation": _artifact(at.exchange, file), "region": region}
    return {"physicalLocation": where, "message": {"text": words}}


def _artifact(exchange: str, file: str) -> dict[str, str]:
    return {"uri": f"exchanges/{exchange}/{file}", "uriBaseId": "RUN"}
