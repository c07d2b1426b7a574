"""What a recording does not hold is neither invented nor taken for proven: the facets that each rule needs."""

import json
from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import ENDED_IDLE, Arrival
from conformance.model.rule import LACKING
from conformance.model.target import Policy, Target
from conformance.model.verdict import Status
from conformance.model.words import FACETS
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import parse_json
from conformance.plan import plan
from conformance.recordings.message import is_event_stream
from conformance.testbed.mutations import changes
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

RULES = [rule for rule in catalogue.rules() if not (rule.is_of_gateways or rule.is_of_populations)]
"""No recording by another tool has both sides of a gateway, nor requests that the rules about load compare."""
PROFILES = ("claude-sdk", "openai-python")
OF_FRAMING = ("content-length", "transfer-encoding", "content-encoding", "connection")
REQUIRED = ("model", "stream", "messages", "input", "prompt")
LOST = ("request", "end")
"""Facets whose lack loses what others do not bring back: what is wrong there is not seen."""


def stripped(x, facet):
    """The exchange without a facet: what a tool that does not record it writes down."""
    sent_head, _, sent_body = x.sent.partition(b"\r\n\r\n")
    first, *lines = sent_head.decode("latin-1").split("\r\n")
    sent = [tuple(line.split(": ", 1)) for line in lines if ": " in line]
    answer, body = reply(x), reply(x).content
    received = [(header.name, header.value) for header in answer.headers]
    match facet:
        case "timing":
            whole = (Arrival(0, len(x.received)),) if x.received else ()
            return replace(x, arrivals=whole, sent_at_ns=0, harness_stall_ns=0, recorded=FACETS - {facet}, cache={})
        case "headers":
            sent, received = [("content-type", "application/json")], [("content-type", kind) for kind in _kind(body)]
        case "bytes":
            sent_body, body = _rewritten(sent_body), _rewritten(body)
        case "request":
            sent_body = _without_options(sent_body)
        case "end":
            body = _without_last_event(body)
    head = f"HTTP/1.1 {answer.status} {answer.reason}".strip()
    case = CaseId(x.api, x.case.profile, x.mode, Kind.RECORDED) if facet in LOST else x.case
    return replace(
        x,
        case=case,
        sent=_message(first, sent, sent_body),
        received=_message(head, received, body),
        arrivals=(),
        ending=ENDED_IDLE,
        recorded=FACETS - {facet, "framing", "timing"},
        cache={},
    )


def _kind(body):
    """The media type that a reader can tell from the body, if any."""
    if body.lstrip()[:1] in (b"{", b"["):
        yield "application/json"
    elif body.startswith((b"data:", b"event:", b":")):
        yield "text/event-stream"


def _message(first, fields, body):
    kept = [f"{name}: {value}" for name, value in fields if name.lower() not in OF_FRAMING]
    return "\r\n".join([first, *kept, f"content-length: {len(body)}", "", ""]).encode("latin-1", "replace") + body


def _rewritten(body):
    """The text of a body, decoded and encoded again; one JSON value is written anew."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        return json.dumps(json.loads(text)).encode()
    except (ValueError, RecursionError):
        return text.replace("\r\n", "\n").encode()


def _without_options(body):
    """The JSON of a request with what every request of an API has, and no more."""
    value = parse_json(body)
    if not isinstance(value, dict):
        return body
    return json.dumps({name: item for name, item in value.items() if name in REQUIRED}).encode()


def _without_last_event(body):
    """A stream without its last event; any other body as it is."""
    at = body.rstrip().rfind(b"\n\n")
    return body[: at + 2] if is_event_stream(body) and at > 0 else body


def of_example(rule, example):
    """The arguments of a rule for one of its examples, whose exchanges come in the order of its parameters."""
    seen = example if isinstance(example, tuple) else (example,)
    given = dict(zip([name for name in rule.parameters if name not in ("policy", "short_streams")], seen, strict=False))
    for name, compare in rule.compares_with.items():
        if compare.many and name in given:
            given[name] = (given[name],)
    return given


def outcome(rule, given, facet=None):
    """What a rule makes of these exchanges, as recorded without a facet."""

    def shown(value):
        if isinstance(value, tuple):
            return tuple(map(shown, value))
        return stripped(value, facet) if facet else replace(value, cache={})

    given = {name: shown(value) for name, value in given.items()}
    judged = tuple(given[name] for name in ("x", "stream", "unary") if name in given)
    return decide(rule, {"policy": Policy(), "short_streams": (), **given}, judged)


def responded(given):
    """Whether each exchange has a response: others are in no recording."""
    every = [one for value in given.values() for one in (value if isinstance(value, tuple) else (value,))]
    return all(reply(x).status for x in every)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("facet", sorted(FACETS))
def test_no_example_changes_between_pass_and_fail_without_a_facet(facet):
    opposite = {Status.PASS: Status.FAIL} | ({} if facet in LOST else {Status.FAIL: Status.PASS})
    wrong = [
        f"{rule.id}: {before} becomes {after}"
        for rule in RULES
        if rule.parameters == ("x",) or facet not in LOST  # recordings are judged exchange by exchange
        for example in (*rule.good, *rule.bad)
        if responded(given := of_example(rule, example))
        for before, after in [(outcome(rule, given).status, outcome(rule, given, facet).status)]
        if after in (Status.ERROR, opposite.get(before))
    ]
    assert wrong == []


def baselines():
    """The baseline exchanges of two SDKs with a good deployment, and with each legal variant that changes them."""
    seen = set()
    for request in plan(Target(base_url=BASE_URL, model="reference"), PROFILES, "smoke"):
        for change in (None, *changes.variants()) if request.cases[0].kind is Kind.BASELINE else ():
            x = simulate_exchange(request, change.on if change else "native-sse", (change,) if change else ())
            if x.received and (x.id, x.received) not in seen:
                seen.add((x.id, x.received))
                yield change.name if change else "", x


@pytest.mark.sampled(3)
@pytest.mark.parametrize("facet", sorted(FACETS))
def test_without_a_facet_no_rule_fails_on_a_legal_variant_that_it_did_not_fail(facet):
    alone = [rule for rule in RULES if rule.parameters == ("x",)]
    invented = [
        f"{name}: {rule.id}"
        for name, x in baselines()
        for without in [stripped(x, facet)]
        for rule in alone
        if x.api in rule.apis and x.mode in rule.modes
        if decide(rule, {"x": without}, (without,)).status in (Status.FAIL, Status.ERROR)
        if decide(rule, {"x": x}, (x,)).status is not Status.FAIL
    ]
    assert invented == []


def test_a_rule_that_needs_a_facet_is_untestable_without_it_and_says_so():
    (media_type,) = [rule for rule in RULES if rule.id == "SSE001"]
    bad = of_example(media_type, media_type.bad[0])
    assert outcome(media_type, bad).status is Status.FAIL
    assert outcome(media_type, bad, "headers")[:2] == (Status.UNTESTABLE, LACKING["headers"])


def test_a_compared_exchange_without_a_needed_facet_makes_the_rule_untestable():
    (echoed,) = [rule for rule in RULES if rule.id == "PAR015"]
    x, baseline = echoed.bad[0]
    given = {"x": x, "baseline": replace(baseline, recorded=FACETS - {"bytes"})}
    found = decide(echoed, given, (x,))
    assert found.status is Status.UNTESTABLE
    assert LACKING["bytes"] in found.message
