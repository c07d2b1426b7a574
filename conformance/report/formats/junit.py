"""The JUnit report: one suite per API, one test case per rule that applies to it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from msgspec import UNSET

from conformance.model.criteria import Criteria
from conformance.model.verdict import Level
from conformance.model.words import ExitCode
from conformance.report import failing_options, under_load
from conformance.report.document import Report
from conformance.report.failures import Recording, describe, text
from conformance.report.impacts import one_line
from conformance.report.rule_outcomes import RuleOutcome, results

NOT_TESTED = {ExitCode.NOT_TESTED: "not-tested", ExitCode.INTERRUPTED: "interrupted"}


def render(report: Report, evidence: Recording) -> bytes:
    """A JUnit XML document, as bytes.

    A failed MUST is a `failure`, whose text lists the places; a failed SHOULD is one only in a strict run, else its
    text is the `system-out` of a passed test case. A waived failure is skipped with the waiver's reason, like an xfail
    of pytest; `untestable` is skipped with its reasons; a harness error is an `error`, as is a run without a result. A
    run that only untestable verdicts or stale waivers fail has one `failure`, which says so.
    """
    root = ET.Element("testsuites", name="conformance", time=str(report.duration_s))
    by_api: dict[str, list[ET.Element]] = {api: [] for api in report.target.apis}
    for result in results(report):
        by_api.setdefault(result.api, []).append(_case(result, report, evidence))
    root.extend(_suite(f"conformance.{api}", _facts(report, api), cases, report) for api, cases in by_api.items())
    if report.exit_code in NOT_TESTED:
        root.append(_suite("conformance.run", _facts(report, ""), [_not_tested(report)], report))
    elif root.find(".//failure") is None and (sentences := _failed_by_options(report)):
        root.append(_suite("conformance.run", _facts(report, ""), [_failed(sentences)], report))
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(name: str, facts: Iterator[tuple[str, str]], cases: Sequence[ET.Element], report: Report) -> ET.Element:
    """A suite and its totals. The APIs share a run, whose duration is that of all suites together."""
    kinds = Counter(child.tag for case in cases for child in case)
    totals = {"failures": kinds["failure"], "errors": kinds["error"], "skipped": kinds["skipped"]}
    suite = ET.Element(
        "testsuite",
        {
            "name": name,
            "tests": str(len(cases)),
            **{key: str(number) for key, number in totals.items()},
            "time": "0",
            "timestamp": report.started.removesuffix("Z"),
            "hostname": "target",
        },
    )
    suite.append(_properties(facts))
    suite.extend(cases)
    return suite


def _facts(report: Report, api: str) -> Iterator[tuple[str, str]]:
    """The properties of a suite: the target, the exit code, and the impact on the frameworks that use the API."""
    yield "base_url", report.target.base_url
    yield "model", report.target.model
    yield "exit_code", str(report.exit_code)
    if report.load is not UNSET:
        yield from under_load.properties(report.load)
    for impact in report.impact:
        if impact.probe.partition(".")[0] == api:
            yield f"impact {impact.client} {impact.probe} {impact.mode}", one_line(impact)


def _case(result: RuleOutcome, report: Report, evidence: Recording) -> ET.Element:
    family = report.rules[result.rule].family
    case = ET.Element("testcase", classname=f"conformance.{result.api}.{family}", name=result.name, time="0")
    case.append(_properties(properties(result, report)))
    strict_failure = "should" in report.fail_on and result.level is Level.SHOULD
    if result.outcome == "fail" or (result.outcome == "warning" and strict_failure):
        message = f"{result.title}: {result.deciding[0].message}"
        failure = ET.SubElement(case, "failure", type=result.level.value, message=message)
        failure.text = _described(result, report, evidence)
    elif result.outcome == "warning":
        ET.SubElement(case, "system-out").text = _described(result, report, evidence)
    elif result.outcome == "error":
        ET.SubElement(case, "error", type="harness", message=result.reasons)
    elif result.outcome == "waived":
        reasons = "; ".join(dict.fromkeys(v.waived for v in result.deciding))
        ET.SubElement(case, "skipped", type="waived", message=f"waived: {reasons}")
    elif result.outcome == "untestable":
        ET.SubElement(case, "skipped", type="untestable", message=f"untestable: {result.reasons}")
    return case


def _described(result: RuleOutcome, report: Report, evidence: Recording) -> str:
    return text(describe(result.deciding, report, evidence, most_places=len(result.deciding)))


def _not_tested(report: Report) -> ET.Element:
    """A test case of a run that proves nothing, so that no CI system takes it for a passed one."""
    case = ET.Element("testcase", classname="conformance.run", name="run", time="0")
    error = ET.SubElement(case, "error", type=NOT_TESTED[ExitCode(report.exit_code)])
    error.set("message", next(iter(report.summary.headline), report.stopped_why))
    error.text = "\n".join(report.summary.headline)
    return case


def _failed_by_options(report: Report) -> list[str]:
    """What fails the run by --strict and --fail-on, a sentence each."""
    criteria = Criteria(fail_on=report.fail_on, strict=report.strict)
    return list(failing_options.sentences(report.verdicts, report.waivers, criteria))


def _failed(sentences: Sequence[str]) -> ET.Element:
    """A test case of a run that fails although no rule does."""
    case = ET.Element("testcase", classname="conformance.run", name="run", time="0")
    ET.SubElement(case, "failure", type="option", message=sentences[0]).text = "\n".join(sentences)
    return case


def properties(result: RuleOutcome, report: Report) -> tuple[tuple[str, str], ...]:
    """The properties of a rule's result, for filters of CI systems."""
    return (
        ("rule", result.rule),
        ("api", result.api),
        ("level", result.level.value),
        ("spec", report.rules[result.rule].spec),
        ("verdicts", ", ".join(f"{count} {status}" for status, count in sorted(result.counts.items()))),
    )


def _properties(pairs: Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]) -> ET.Element:
    element = ET.Element("properties")
    element.extend(ET.Element("property", name=name, value=value) for name, value in pairs)
    return element
