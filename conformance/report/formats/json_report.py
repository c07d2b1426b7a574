"""The JSON report (`schemas/report.schema.json`), in short and in full.

Most verdicts of a run pass, and repeat their rule's title: the short report has one for all passed test cases of a rule
on an API, with every exchange that is the evidence. Failures are never merged; each has its first findings.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from conformance.model.verdict import Status
from conformance.report.document import Report, ReportVerdict

MERGED: Final = (Status.PASS, Status.UNTESTABLE)
MOST_FINDINGS: Final = 3
"""A rule may find the same in each of a thousand chunks."""


def render(report: Report) -> bytes:
    """The short JSON report as bytes; deterministic."""
    return render_full(short(report))


def render_full(report: Report) -> bytes:
    """The JSON report with one verdict per rule and test case, as bytes; deterministic."""
    parts = (
        _pair(field.encode_name, _one_a_line(value))
        for field in msgspec.structs.fields(report)
        if (value := getattr(report, field.name)) is not msgspec.UNSET
    )
    return b"{\n " + b",\n ".join(parts) + b"\n}\n"


def _one_a_line(value: Any) -> bytes:
    """A value as JSON with an element a line: verdicts stay readable line by line, without the size of indentation."""
    if value and isinstance(value, tuple):
        return b"[\n  " + b",\n  ".join(map(msgspec.json.encode, value)) + b"\n ]"
    if value and isinstance(value, dict):
        elements = (_pair(name, msgspec.json.encode(inner)) for name, inner in value.items())
        return b"{\n  " + b",\n  ".join(elements) + b"\n }"
    return msgspec.json.encode(value)


def _pair(name: str, value: bytes) -> bytes:
    return msgspec.json.encode(name) + b": " + value


def short(report: Report) -> Report:
    """The report without not-applicable verdicts, equal passed or untestable ones merged; its summary counts all."""
    kept = tuple(_merged(report.verdicts))
    named = {verdict.rule for verdict in kept}
    rules = {name: page for name, page in report.rules.items() if name in named}
    return msgspec.structs.replace(report, verdicts=kept, rules=rules)


def _merged(verdicts: Sequence[ReportVerdict]) -> Iterator[ReportVerdict]:
    """The verdicts in their order; equal ones of a rule on an API in place of the first.

    Of recordings, equal verdicts on several hosts and models are merged, too; their failures name each.
    """
    groups: dict[tuple[object, ...], list[ReportVerdict]] = {}
    for number, verdict in enumerate(verdicts):
        if verdict.status in MERGED:
            key = (verdict.rule, verdict.api, verdict.level, verdict.status, verdict.message)
            groups.setdefault(key, []).append(verdict)
        elif verdict.status is not Status.NOT_APPLICABLE:
            groups[(number,)] = [verdict]
    for group in groups.values():
        findings = group[0].findings
        places = {(verdict.host, verdict.model) for verdict in group}
        host, model = places.pop() if len(places) == 1 else (msgspec.UNSET, msgspec.UNSET)
        yield msgspec.structs.replace(
            group[0],
            exchanges=tuple(dict.fromkeys(name for verdict in group for name in verdict.exchanges)),
            findings=findings[:MOST_FINDINGS],
            cases=sum(verdict.cases for verdict in group),
            host=host,
            model=model,
            more_findings=max(0, len(findings) - MOST_FINDINGS),
        )
