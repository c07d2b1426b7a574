"""Comparisons: exchanges selected by probe name, cached or loaded again, or missing."""

from dataclasses import replace

import pytest

from conformance import comparisons, judging, reuse
from conformance.catalogue import Catalogue, installed, unplanned
from conformance.model.case import Compare, Kind, named_case
from conformance.model.probe import Probe
from conformance.model.rule import rule
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import MUST, Finding
from conformance.model.words import GENERATIVE
from conformance.rules.example import HELLO, exchange, streamed

SAID = streamed(*HELLO)
FACTS = RunManifest(tool="t", started="", target=Target(base_url="http://h", model="m"), suite="gate", profiles=())


PROBES = (
    Probe(api="chat", kind=Kind.BASELINE, purpose="Sent."),
    Probe(api="chat", kind=Kind.USAGE, purpose="Sent."),
    Probe(api="chat", kind=Kind.REPEAT, repeat=1, purpose="Sent."),
    Probe(api="chat", kind=Kind.BURST, subject="1", purpose="Sent."),
    Probe(api="chat", kind=Kind.STORE, purpose="Sent.", suite="full"),
)
AGAIN = Compare(Kind.REPEAT, repeat=1)


def made(judge, **more):
    build = rule(
        "XXX001",
        MUST,
        "t",
        spec="https://example.org",
        fix="f.",
        applies_to=lambda x: None,
        apis=GENERATIVE,
        good=[SAID],
        bad=[SAID],
        **more,
    )
    return build(judge)


def named(probe, mode="stream", profile="p", **changes):
    return replace(SAID, id=f"{probe}-{mode}", case=named_case(probe, profile, mode), cache={}, **changes)


def verdicts(rule, exchanges, known=None):
    """The verdicts of a catalogue with this one rule, by probe."""
    kept = {x.id: x for x in exchanges}
    judged = judging.judge(FACTS, kept.__getitem__, list(kept), known, Catalogue((rule,), (), PROBES))
    return {v.probe: v for v in judged.verdicts}


def same_id(x, again):
    """It reports which exchange it received."""
    yield Finding(again.id)


def crowded(x, crowd):
    """It reports which exchange it received."""
    yield Finding(" ".join(one.id for one in crowd))


def test_the_answer_to_another_probe_is_given_in_the_same_mode():
    asked = [named("chat.usage"), named("chat.twin.again"), named("chat.twin.again", "unary")]
    found = verdicts(made(same_id, compares_with={"again": AGAIN}), asked)
    assert found["chat.usage"].message == "chat.twin.again-stream"
    assert found["chat.usage"].exchanges == ("chat.usage-stream", "chat.twin.again-stream")


def test_a_mode_may_be_named():
    asked = [named("chat.usage"), named("chat.twin.again", "unary")]
    found = verdicts(made(same_id, compares_with={"again": replace(AGAIN, mode="unary")}), asked)
    assert found["chat.usage"].message == "chat.twin.again-unary"


def test_all_of_a_topic_are_given_in_order_and_of_the_same_profile():
    asked = [named("chat.crowd.2"), named("chat.crowd.1"), named("chat.n"), named("chat.crowd.3", profile="q")]
    found = verdicts(made(crowded, compares_with={"crowd": Compare(Kind.BURST, many=True)}), asked)
    assert found["chat.n"].message == "chat.crowd.1-stream chat.crowd.2-stream"


def test_what_was_not_recorded_makes_the_rule_untestable():
    found = verdicts(made(same_id, compares_with={"again": AGAIN}), [named("chat.usage")])
    assert (found["chat.usage"].status, "chat.twin.again" in found["chat.usage"].message) == ("untestable", True)


def test_a_large_answer_is_read_again_and_not_held():
    large = exchange(SAID.received + b" " * comparisons.MAX_CACHED_BYTES, probe="chat.twin.again")
    large = replace(large, id="large", case=named_case("chat.twin.again", "p", "stream"))
    found = verdicts(made(same_id, compares_with={"again": AGAIN}), [named("chat.usage"), large])
    assert found["chat.usage"].message == "large"


def test_what_the_suite_does_not_ask_makes_no_verdict():
    assert verdicts(made(same_id, compares_with={"again": Compare(Kind.STORE)}), [named("chat.usage")]) == {}


def test_a_rule_may_do_without():
    def with_or_without(x, again):
        """It reports which exchange it received."""
        yield Finding(again.id if again else "nobody")

    rule_ = made(with_or_without, compares_with={"again": replace(AGAIN, optional=True)})
    assert verdicts(rule_, [named("chat.usage")])["chat.usage"].message == "nobody"
    both = [named("chat.usage"), named("chat.twin.again")]
    assert verdicts(rule_, both)["chat.usage"].message == "chat.twin.again-stream"


@pytest.mark.parametrize(
    ("judge", "beside"),
    [
        (lambda again, x: (), {"again": AGAIN}),
        (lambda x, stranger: (), {"again": AGAIN}),
        (lambda stream, unary, again: (), {"again": AGAIN}),
    ],
)
def test_a_signature_that_can_not_be_served_is_refused(judge, beside):
    judge.__doc__ = "Why."
    with pytest.raises(TypeError, match="XXX001"):
        made(judge, compares_with=beside)


def test_what_is_known_of_the_same_exchanges_is_taken_over(monkeypatch):
    one, again = named("chat.usage"), named("chat.twin.again")
    rule_ = made(same_id, compares_with={"again": AGAIN})
    first = verdicts(rule_, [one, again])
    monkeypatch.setattr(judging, "outcome_of", lambda *_: pytest.fail("judged again"))
    known = reuse.ReusableVerdicts(reuse.index_verdicts(first.values()), frozenset({one.id, again.id}))
    assert verdicts(rule_, [one, again], known) == first


def test_another_profile_s_baseline_request_does_where_one_did_not_greet():
    def greeted(x, baseline):
        """It reports which exchange it received."""
        yield Finding(baseline.id)

    rule_ = made(greeted)
    theirs = named("chat.hello", profile="q")
    assert verdicts(rule_, [named("chat.usage"), theirs])["chat.usage"].message == "chat.hello-stream"
    own = replace(named("chat.hello"), id="own")
    assert verdicts(rule_, [named("chat.usage"), theirs, own])["chat.usage"].message == "own"
    other_mode = named("chat.hello", "unary", profile="q")
    assert verdicts(rule_, [named("chat.usage"), other_mode])["chat.usage"].status == "untestable"


def test_a_comparison_with_a_case_that_no_probe_sends_is_refused():
    never = made(same_id, compares_with={"again": Compare(Kind.SEED, repeat=7)})
    (problem,) = unplanned(Catalogue((never,), (), PROBES))
    assert ("XXX001" in problem, "chat.seed.again" in problem) == (True, True)
    assert list(unplanned(installed())) == []


@pytest.mark.parametrize("probe", ["chat", "chat.", "chat.no-such-kind", "chess.hello", "", "chat.hellos"])
def test_a_name_that_names_no_test_case_is_refused(probe):
    with pytest.raises(ValueError, match="names no test case"):
        named_case(probe, "p", "stream")


def test_the_name_of_every_probe_names_its_case():
    for probe in installed().probes:
        assert named_case(probe.name, "p", "stream") == probe.case("p", "stream")


def test_one_catalogue_leaves_no_trace_in_the_next():
    asked = [named("chat.usage"), named("chat.twin.again"), named("chat.crowd.1")]
    assert verdicts(made(same_id, compares_with={"again": AGAIN}), asked)["chat.usage"].status == "fail"
    found = verdicts(made(crowded, compares_with={"crowd": Compare(Kind.BURST, many=True)}), asked)
    assert found["chat.usage"].message == "chat.crowd.1-stream"
