"""Field support in reports: one row a field, hints on evidence, and what is not verified."""

import msgspec
import pytest

from conformance import catalogue
from conformance.field_support.fields import FieldObservation
from conformance.field_support.states import WORST_FIRST, FieldEvidence
from conformance.judging import Judgement, judge
from conformance.model.case import named_case
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.report import build, fields, headline
from conformance.report.document import ReportField
from conformance.report.formats import html, legend, markdown
from conformance.rules.example import HELLO, answered, completion, error, exchange, http, sse
from conformance.schemas import load as schema


def field(name, mode, state, why):
    return ReportField(api="chat", field=name, mode=mode, state=state, why=why, exchange="x", documented=True)


FIELDS = (
    field("n", "stream", "dropped", "one choice"),
    field("n", "unary", "honoured", ""),
    field("user", "unary", "validated", "a wrong type is rejected"),
)


def test_a_field_is_one_row_with_both_modes(run):
    assert [*fields.rows(FIELDS)] == [
        fields.FieldRow("chat", "n", "dropped", "honoured", "one choice"),
        fields.FieldRow("chat", "user", "", "validated", "a wrong type is rejected"),
    ]
    report = msgspec.structs.replace(run.report, fields=FIELDS)
    page, text = html.run_page(report, run.evidence), markdown.render(report, run.evidence).decode()
    assert page.count('<tr id="chat.n">') == page.count('<tr id="chat.user">') == 1
    assert '<span aria-hidden="true">◐</span> validated</span>' in page
    assert "| `n` | chat | dropped | honoured | one choice |" in text
    assert "`user`" not in text


def test_every_state_has_a_meaning_and_is_in_the_schema():
    assert {word.word for word in legend.words() if word.meaning} >= set(WORST_FIRST)
    states = schema("report")["properties"]["capabilities"]["additionalProperties"]["additionalProperties"]["enum"]
    assert set(states) == set(WORST_FIRST)


def test_a_null_is_not_a_field_that_a_framework_loses():
    states = {name: "dropped" for p in catalogue.profiles() for name in p.body("unary")}
    (said,) = [hint for hint in fields.hints({"chat": states}, ()) if hint.startswith("Letta")]
    assert "`user`" in said
    assert "max_completion_tokens" not in said


def observation(api, state):
    return FieldObservation((api, "tools", "unary"), FieldEvidence(state), "x", proven=True)


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        ([("chat", "unknown")], "chat"),
        ([("chat", "unknown"), ("chat", "refused"), ("messages", "honoured")], "chat"),
        ([("chat", "unknown"), ("messages", "refused")], "chat and messages"),
        ([("chat", "unknown"), ("chat", "honoured")], ""),
        ([], ""),
    ],
)
def test_an_api_on_which_no_tool_was_called_is_named(seen, named):
    found = [*headline._tools([observation(*one) for one in seen])]
    assert found == (
        [f"Tool calling is not verified on {named}: no response calls an offered tool, though calls were required."]
        if named
        else []
    )


def test_a_field_that_is_lost_in_one_mode_only_is_named_with_the_mode():
    states = {"logprobs": ("dropped", "honoured"), "n": ("dropped", "dropped"), "stop": ("unknown", "dropped")}
    seen = [
        FieldObservation(("chat", name, mode), FieldEvidence(state), "x", proven=True)
        for name, by_mode in states.items()
        for mode, state in zip(("stream", "unary"), by_mode, strict=True)
    ]
    (said,) = headline._dropped(Judgement(observations=seen))
    assert said.startswith("chat silently ignores 3 fields: logprobs (streaming only), n, stop; ")


def report_of(*exchanges):
    target = Target(base_url="http://h/v1", model="m")
    names = tuple(x.id for x in exchanges)
    facts = RunManifest(
        tool="t", started="2026-11-22T12:00:00Z", target=target, suite="gate", profiles=("hermes",), planned=names
    )
    load = {x.id: x for x in exchanges}.__getitem__
    return build.build_report(facts, judge(facts, load, names), load)


def asked(x, name, mode="unary"):
    case = named_case(name, "openai-python", mode)
    return type(x)(**{key: getattr(x, key) for key in ("sent", "received", "ending")}, id=f"{name}-{mode}", case=case)


TOOLS = {"tool_choice": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
REFUSED = answered(error("'tool_choice' is not supported.", param="tool_choice"), status=400, body=TOOLS)


def test_a_target_that_checks_tools_and_refuses_to_be_told_is_conformant_and_not_verified():
    typed = answered(error("'tools' must be an array."), status=400)
    hello = asked(answered(completion()), "chat.hello")
    report = report_of(hello, asked(typed, "chat.wrong-type.tools"), asked(REFUSED, "chat.tools"))
    assert report.capabilities["chat"]["tools"] == "validated"
    assert report.capabilities["chat"]["tool_choice"] == "refused"
    why = "the target rejects requests that require a call"
    assert f"Tool calling is not verified on chat: {why}." in report.summary.headline


def test_an_api_that_is_not_offered_has_no_fields():
    absent = answered({"detail": "Not Found"}, status=404)
    cases = ("responses.hello", "responses.wrong-type.temperature", "responses.previous", "responses.tools")
    streaming = exchange(http(200, [("content-type", "text/event-stream")], sse(*HELLO)))
    report = report_of(asked(streaming, "chat.hello", "stream"), *(asked(absent, case) for case in cases))
    assert set(report.capabilities) == {"chat"}
    assert not any("Tool calling" in line for line in report.summary.headline)
