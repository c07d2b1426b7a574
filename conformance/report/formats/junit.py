"""The JUnit report: one test case per verdict."""

from xml.etree import ElementTree as ET

from conformance.model.verdict import Status
from conformance.report.document import Report, ReportVerdict
from conformance.report.failures import Recording, describe, text
from conformance.report.impacts import one_line


def render(report: Report, evidence: Recording) -> bytes:
    """A JUnit XML document, as bytes.

    A failure is a `failure` whose type is its level; a waived one is skipped with the waiver's reason, like an xfail of
    pytest; `not-applicable` and `untestable` are skipped with their reason; `error` is an error.
    """
    suite = ET.Element("testsuite", _totals(report))
    ET.SubElement(suite, "properties").extend(
        ET.Element("property", name=name, value=str(value))
        for name, value in (
            ("base_url", report.target.base_url),
            ("model", report.target.model),
            ("exit_code", report.exit_code),
            *((f"impact {i.client} {i.probe} {i.mode}", one_line(i)) for i in report.impact),
        )
    )
    for verdict in report.verdicts:
        suite.append(_case(verdict, report, evidence))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _totals(report: Report) -> dict[str, str]:
    counts = report.summary.verdicts
    skipped = counts["not-applicable"] + counts["untestable"] + report.summary.waived
    return {
        "name": "conformance",
        "tests": str(len(report.verdicts)),
        "failures": str(counts["fail"] - report.summary.waived),
        "errors": str(counts["error"]),
        "skipped": str(skipped),
        "time": str(report.duration_s),
        "timestamp": report.started.removesuffix("Z"),
        "hostname": "target",
    }


def _case(verdict: ReportVerdict, report: Report, evidence: Recording) -> ET.Element:
    name = f"{verdict.rule}[{verdict.profile}-{verdict.mode}-{verdict.probe}]"
    case = ET.Element("testcase", classname=f"conformance.{report.rules[verdict.rule].family}", name=name, time="0")
    ET.SubElement(case, "properties").extend(
        ET.Element("property", name=key, value=value) for key, value in properties(verdict, report)
    )
    if verdict.waived:
        ET.SubElement(case, "skipped", type="waived", message=f"waived: {verdict.waived}")
    elif verdict.status is Status.FAIL:
        failure = ET.SubElement(
            case, "failure", type=verdict.level.value, message=f"{verdict.title}: {verdict.message}"
        )
        failure.text = text(describe((verdict,), report, evidence))
    elif verdict.status is Status.ERROR:
        ET.SubElement(case, "error", type="harness", message=verdict.message)
    elif verdict.status is not Status.PASS:
        ET.SubElement(case, "skipped", type=verdict.status.value, message=f"{verdict.status}: {verdict.message}")
    return case


def properties(verdict: ReportVerdict, report: Report) -> tuple[tuple[str, str], ...]:
    """The properties of a verdict, for filters of CI systems."""
    return (
        ("rule", verdict.rule),
        ("level", verdict.level.value),
        ("spec", report.rules[verdict.rule].spec),
        ("api", verdict.api),
        ("profile", verdict.profile),
        ("mode", verdict.mode),
        ("probe", verdict.probe),
        ("exchange", " ".join(verdict.exchanges)),
    )
