"""NYI: good and bad errors for unsupported streaming, with one verdict per defect."""

import pytest

from conformance import catalogue
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, Status
from conformance.rules.example import JSON, answered, completion, error, exchange
from conformance.rules.nyi.cost import refusal_after_generation, refusal_that_is_retried
from conformance.rules.nyi.example import ANSWER, rejection
from conformance.rules.nyi.message import HINT
from conformance.rules.nyi.status import streaming_refused, unsupported_as_500
from conformance.testbed.mutations import changes

DEFECTS = [c for c in changes.defects() if c.caught_by.startswith("NYI")]


def test_each_bad_refusal_has_a_rule_of_its_own():
    assert len({c.caught_by for c in DEFECTS}) == 23


@pytest.mark.parametrize(("streaming", "failed"), [("required", {"NYI001"}), ("stopgap-ok", set())])
def test_the_stop_gap_is_what_the_owner_says_it_is(failing, streaming, failed):
    assert failing(deployment="stopgap-501", policy=Policy(streaming=streaming)) == {MUST: failed, SHOULD: set()}


def yielded(rule, *given):
    for x in given[:2]:
        if skip := rule.applies_to(x):
            return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


RULES = [r for r in catalogue.rules() if r.family == "NYI" and r.parameters == ("stream", "unary")]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_outage_is_no_statement_about_streaming(rule, status):
    broken = answered("<html>", status=status)
    found = yielded(rule, answered("<html>", status=status, mode="stream"), broken)
    assert found in ([Status.UNTESTABLE], [Status.NOT_APPLICABLE])


CRASHES = ("The stream failed.", "Upstream error while streaming.", "'stream' was closed by the upstream.", "Boom.")


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("message", CRASHES)
def test_a_stream_that_crashes_is_not_unsupported(rule, message):
    assert yielded(rule, *rejection(error(message), status=500)) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(
    "said",
    [
        error("Streaming is not supported."),
        error("This model does not support streaming."),
        error("Streaming is disabled here."),
        error("Streaming hasn't been implemented: doesn't support stream"),
        error("Send it with stream=false."),
        error("Bad value.", param="stream"),
        {"detail": "Streaming unavailable"},
        "streaming not implemented",
    ],
)
def test_a_500_that_says_so_is_a_refusal_with_the_wrong_status(said):
    found = yielded(unsupported_as_500, *rejection(said, status=500))
    assert found == ["unsupported streaming is rejected with HTTP 500, which means a server failure"]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_501_in_both_modes_is_an_api_that_is_not_offered(rule):
    gone = error("Not implemented.")
    assert yielded(rule, *rejection(gone)[:1], answered(gone, status=501)) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refused_key_or_a_limit_is_no_statement_either(rule, status):
    assert yielded(rule, *rejection(error(), status=status)) == [Status.UNTESTABLE]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_a_refused_field_is_no_statement_either(rule):
    refused = error("Unknown parameter: 'stream_options'.", param="stream_options")
    found = yielded(rule, *rejection(refused, status=400, body={"stream": True, "stream_options": {}}))
    assert found == [Status.NOT_APPLICABLE]


def test_a_silent_drop_is_not_taken_for_an_offer():
    dropped = answered(completion(), mode="stream")
    assert yielded(streaming_refused, dropped, ANSWER, Policy()) == [Status.NOT_APPLICABLE]


def test_nothing_received_is_untestable():
    assert yielded(streaming_refused, exchange(b""), ANSWER, Policy()) == [Status.UNTESTABLE]


@pytest.mark.parametrize(
    "hint",
    [
        "Set stream=false.",
        "Set `stream` to false.",
        'Send "stream": false.',
        "Please set stream to `false`",
        "use a non-streaming request",
        "retry without streaming",
        "omit the stream parameter",
        "Turn off streaming and stream nothing",
        "Set the 'stream' parameter to 'false'.",
        "Try again with streaming disabled.",
        "Turn streaming off.",
        "stream must be false.",
        "stream=0",
        "Please do not set `stream`.",
        "Disable streaming and retry.",
    ],
)
def test_hints(hint):
    assert HINT.search(f"Streaming is not supported. {hint}")


@pytest.mark.parametrize(
    "text",
    [
        "Streaming is not supported.",
        "Streaming is disabled.",
        "Streaming is off for now.",
        "We have turned off streaming.",
        "We do not stream.",
        "There is no streaming here.",
        "The upstream removed it. Streaming is gone.",
        "Contact support.",
    ],
)
def test_no_hints(text):
    assert not HINT.search(text)


def test_a_failure_that_says_nothing_of_streaming_is_no_refusal_of_it():
    for rule in RULES:
        assert yielded(rule, *rejection("<html>Bad Gateway</html>", status=502)) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize("value", ["False", "no", "0", "true", ""])
def test_only_the_exact_word_stops_the_retries(value):
    assert len(yielded(refusal_that_is_retried, *rejection(headers=(JSON, ("x-should-retry", value))))) == 1


def test_a_slow_network_is_no_slow_refusal():
    from dataclasses import replace  # noqa: PLC0415

    stream = replace(rejection(arrivals=[(700, 400)])[0], sent_at_ns=400_000_000)
    unary = replace(answered(completion(), arrivals=[(720, 500)]), sent_at_ns=400_000_000)
    assert yielded(refusal_after_generation, stream, unary) == []
