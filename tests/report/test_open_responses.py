"""The acceptance tests of Open Responses: each is one of our test cases, and the report says which would pass."""

import msgspec
import pytest
from jsonschema import Draft202012Validator

from conformance import catalogue
from conformance.apis.websocket import ROLES
from conformance.model.case import CaseId, Kind
from conformance.model.verdict import Level, Status, Verdict
from conformance.report import open_responses
from conformance.report.across_runs import matrix, shards
from conformance.report.formats import html, json_report, markdown, terminal
from conformance.report.open_responses import TESTS, reasons, reported, sentence
from conformance.schemas import load as schema

NAMES = {
    *("basic-response", "assistant-phase", "response-output-phase-schema", "streaming-response", "system-prompt"),
    *("tool-calling", "image-input", "multi-turn", "compact-response", "compact-missing-model"),
    *("websocket-response", "websocket-sequential-responses", "websocket-continuation"),
    *("websocket-reconnect-store-false-recovery", "websocket-previous-response-not-found"),
    *("websocket-failed-continuation-evicts-cache", "websocket-compact-new-chain"),
}
RULES = {rule.id: rule for rule in catalogue.rules()}
JUDGED = [test for test in TESTS if test.steps]
OVER = [test for test in JUDGED if test.name.startswith("websocket-")]
BESIDE = [test for test in JUDGED if test not in OVER]


def verdict(step, rule, status=Status.PASS, message=""):
    case = CaseId("responses", "openai-python", step.mode, step.kind, step.subject, step.variant)
    exchange = f"{step.kind}-{step.subject}-x"
    return Verdict(
        rule=rule, title="t", level=Level.MAY, status=status, case=case, message=message, exchanges=(exchange,)
    )


def passing(tests=JUDGED):
    return [verdict(step, rule) for test in tests for step in test.steps for rule in step.rules]


def outcomes(verdicts, suite="full"):
    return {test.name: (test.outcome, test.why) for test in reported(verdicts, suite).tests}


def test_the_17_tests_are_there_once_each():
    assert {test.name for test in TESTS} == NAMES
    assert len(TESTS) == len(NAMES) == 17


@pytest.mark.parametrize("test", JUDGED, ids=lambda test: test.name)
def test_each_test_is_a_request_that_the_suite_sends_and_its_rules_judge_it(test):
    suite = "full" if test in OVER else "gate"
    for step in test.steps:
        sent = [p for p in catalogue.probes() if (p.api, p.kind, p.subject) == ("responses", step.kind, step.subject)]
        assert any(("unary" if step.variant else step.mode) in probe.modes_in(suite) for probe in sent)
        assert step.variant in ("", *ROLES.get(step.subject, ()))
        for name in step.rules:
            assert "responses" in RULES[name].apis
            assert step.mode in RULES[name].modes


def test_a_target_that_passes_all_of_ours_would_pass_all():
    found = reported(passing(), "full")
    assert (found.passed, found.of) == (17, 17)
    assert sentence(found) == "would pass 17 of the 17 acceptance tests"
    assert [*reasons(found)] == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.FAIL, "fail"),
        (Status.NOT_APPLICABLE, "fail"),
        (Status.UNTESTABLE, "not-tested"),
        (Status.ERROR, "not-tested"),
    ],
)
def test_what_did_not_pass_has_its_reason(status, outcome):
    (image,) = next(test for test in JUDGED if test.name == "image-input").steps
    changed = [v for v in passing() if v.case.subject != "image"]
    changed += [verdict(image, image.rules[0], status, "no images here"), verdict(image, image.rules[1])]
    assert outcomes(changed)["image-input"] == (outcome, "no images here")


def test_a_target_that_rejects_the_handshake_would_fail_all_tests_over_websocket():
    rejected = verdict(open_responses.HANDSHAKE, "RSP042", Status.NOT_APPLICABLE, "HTTP 405")
    found = reported([*passing(BESIDE), rejected], "gate")
    assert sentence(found) == "would pass 10 of the 17 acceptance tests; 7 would fail, 0 are not tested"
    assert [*reasons(found)] == [f"would fail: {', '.join(test.name for test in OVER)}: HTTP 405"]


def test_a_handshake_alone_leaves_the_tests_over_websocket_undecided():
    found = reported([*passing(BESIDE), verdict(open_responses.HANDSHAKE, "RSP042")], "gate")
    assert sentence(found) == "would pass 10 of the 17 acceptance tests; 0 would fail, 7 are not tested"
    (line,) = reasons(found)
    assert line.endswith("its request is not in the suite gate, but in full")


def test_a_turn_that_fails_or_was_not_sent_decides_the_tests_that_need_it():
    last = OVER[2].steps[-1]
    of_turn = [v for v in passing() if v.case.variant == last.variant]
    rest = [v for v in passing() if v not in of_turn]
    assert outcomes(rest)["websocket-continuation"] == ("not-tested", "its turn was not sent")
    broken = [verdict(last, rule, Status.FAIL, "no end") for rule in last.rules]
    found = outcomes([*rest, *broken])
    assert found["websocket-continuation"] == ("fail", "no end")
    assert [name for name, (outcome, _) in found.items() if outcome != "pass"] == ["websocket-continuation"]


def test_a_request_that_the_suite_does_not_send_is_not_tested():
    one = [v for v in passing() if v.case.subject == "typed"]
    assert outcomes(one, "smoke")["image-input"] == ("not-tested", "its request is not in the suite smoke, but in gate")
    assert outcomes(one, "gate")["image-input"] == ("not-tested", "its request was not sent")


def test_a_target_without_the_api_has_no_number():
    assert reported([], "full") is msgspec.UNSET
    absent = [msgspec.structs.replace(v, status=Status.NOT_APPLICABLE, message="HTTP 404") for v in passing()]
    assert reported(absent, "full") is msgspec.UNSET


def test_the_number_and_its_reasons_are_in_every_format(record):
    run = record("native")
    changed = [v for v in passing(BESIDE) if v.case.kind is not Kind.COMPACT]
    changed += [
        verdict(step, step.rules[0], Status.NOT_APPLICABLE, "no <b>route")
        for test in BESIDE
        for step in test.steps
        if step.kind is Kind.COMPACT
    ]
    report = msgspec.structs.replace(run.report, open_responses=reported(changed, "full"))
    said = "would pass 8 of the 17 acceptance tests"
    text, page = terminal.text(report, run.evidence), html.run_page(report, run.evidence)
    assert said in text
    assert "would fail: websocket-compact-new-chain, compact-response, compact-missing-model: no <b>route" in text
    assert said in page
    assert "no &lt;b&gt;route" in page
    assert "| compact-response | would fail | no &lt;b&gt;route |" in markdown.render(report, run.evidence).decode()
    data = msgspec.json.decode(json_report.render(report))
    Draft202012Validator(schema("report")).validate(data)
    assert data["open_responses"]["tests"][0]["outcome"] == "pass"
    assert "open_responses" not in msgspec.json.decode(json_report.render(run.report))


def test_the_matrix_has_the_number_and_each_test_of_each_target_also_when_it_is_put_together(record):
    report = msgspec.structs.replace(record("native").report, open_responses=reported(passing(), "full"))
    columns = [matrix.column(report, "one"), matrix.column(record("native").report, "two")]
    kept = shards.encode(columns[:1], [columns[0].name], (1, 1), "", "1")
    (merged,) = shards.merged([shards.decode(kept)])
    assert merged.official == columns[0].official
    page = matrix.index(columns, "today")
    assert '<td class="">17 of 17</td><td class="">–</td>' in page
    assert page.count('href="targets/one.html#open-responses"') == 17
