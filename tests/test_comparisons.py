"""Comparisons: exchanges selected by probe name, cached or loaded again, or missing."""

from dataclasses import replace

import pytest

from conformance import comparisons, judging
from conformance.catalogue import Catalogue
from conformance.model.exchange import CaseId
from conformance.model.probe import Probe
from conformance.model.rule import rule
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.verdict import MUST, Finding
from conformance.rules.example import HELLO, exchange, streamed

SAID = streamed(*HELLO)
FACTS = RunManifest(tool="t", started="", target=Target(base_url="http://h", model="m"), suite="gate", profiles=())


PROBES = tuple(
    Probe(name=f"chat.{name}", purpose="Asked.", api="chat", suite=suite)
    for name, suite in (
        ("hello", "gate"),
        ("one", "gate"),
        ("noise.again", "gate"),
        ("crowd.1", "gate"),
        ("rare", "full"),
    )
)


def made(judge, **more):
    build = rule(
        "XXX001",
        MUST,
        "t",
        spec="https://example.org",
        fix="f.",
        when=lambda x: None,
        good=[SAID],
        bad=[SAID],
        **more,
    )
    return build(judge)


def named(probe, mode="stream", profile="p", **changes):
    return replace(SAID, id=f"{probe}-{mode}", question=CaseId("chat", profile, mode, probe), views={}, **changes)


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
    asked = [named("chat.one"), named("chat.noise.again"), named("chat.noise.again", "unary")]
    found = verdicts(made(same_id, beside={"again": "noise.again"}), asked)
    assert found["chat.one"].message == "chat.noise.again-stream"
    assert found["chat.one"].exchanges == ("chat.one-stream", "chat.noise.again-stream")


def test_a_mode_may_be_named():
    asked = [named("chat.one"), named("chat.noise.again", "unary")]
    found = verdicts(made(same_id, beside={"again": "unary:noise.again"}), asked)
    assert found["chat.one"].message == "chat.noise.again-unary"


def test_all_of_a_topic_are_given_in_order_and_of_the_same_profile():
    asked = [named("chat.crowd.2"), named("chat.crowd.1"), named("chat.crowds"), named("chat.crowd.3", profile="q")]
    found = verdicts(made(crowded, beside={"crowd": "crowd.*"}), asked)
    assert found["chat.crowds"].message == "chat.crowd.1-stream chat.crowd.2-stream"


def test_what_was_not_recorded_makes_the_rule_untestable():
    found = verdicts(made(same_id, beside={"again": "noise.again"}), [named("chat.one")])
    assert (found["chat.one"].status, "noise.again" in found["chat.one"].message) == ("untestable", True)


def test_a_large_answer_is_read_again_and_not_held():
    large = exchange(SAID.heard + b" " * comparisons.MAX_CACHED_BYTES, probe="chat.noise.again")
    large = replace(large, id="large", question=CaseId("chat", "p", "stream", "chat.noise.again"))
    found = verdicts(made(same_id, beside={"again": "noise.again"}), [named("chat.one"), large])
    assert found["chat.one"].message == "large"


def test_what_the_suite_does_not_ask_makes_no_verdict():
    assert verdicts(made(same_id, beside={"again": "rare"}), [named("chat.one")]) == {}


def test_a_rule_may_do_without():
    def with_or_without(x, again):
        """It reports which exchange it received."""
        yield Finding(again.id if again else "nobody")

    rule_ = made(with_or_without, beside={"again": "noise.again?"})
    assert verdicts(rule_, [named("chat.one")])["chat.one"].message == "nobody"
    both = [named("chat.one"), named("chat.noise.again")]
    assert verdicts(rule_, both)["chat.one"].message == "chat.noise.again-stream"


@pytest.mark.parametrize(
    ("judge", "beside"),
    [
        (lambda again, x: (), {"again": "noise.again"}),
        (lambda x, stranger: (), {"again": "noise.again"}),
        (lambda stream, unary, again: (), {"again": "noise.again"}),
    ],
)
def test_a_signature_that_can_not_be_served_is_refused(judge, beside):
    judge.__doc__ = "Why."
    with pytest.raises(TypeError, match="XXX001"):
        made(judge, beside=beside)


def test_what_is_known_of_the_same_exchanges_is_taken_over(monkeypatch):
    one, again = named("chat.one"), named("chat.noise.again")
    rule_ = made(same_id, beside={"again": "noise.again"})
    first = verdicts(rule_, [one, again])
    monkeypatch.setattr(judging, "_judged", lambda *_: pytest.fail("judged again"))
    known = judging.ReusableVerdicts(judging.index_verdicts(first.values()), frozenset({one.id, again.id}))
    assert verdicts(rule_, [one, again], known) == first


def test_another_profile_s_greeting_does_where_one_did_not_greet():
    def greeted(x, hello):
        """It reports which exchange it received."""
        yield Finding(hello.id)

    rule_ = made(greeted)
    theirs = named("chat.hello", profile="q")
    assert verdicts(rule_, [named("chat.one"), theirs])["chat.one"].message == "chat.hello-stream"
    own = replace(named("chat.hello"), id="own")
    assert verdicts(rule_, [named("chat.one"), theirs, own])["chat.one"].message == "own"
    other_mode = named("chat.hello", "unary", profile="q")
    assert verdicts(rule_, [named("chat.one"), other_mode])["chat.one"].status == "untestable"


def test_one_catalogue_leaves_no_trace_in_the_next():
    asked = [named("chat.one"), named("chat.noise.again"), named("chat.crowd.1")]
    assert verdicts(made(same_id, beside={"again": "noise.again"}), asked)["chat.one"].status == "fail"
    found = verdicts(made(crowded, beside={"crowd": "crowd.*"}), asked)
    assert found["chat.one"].message == "chat.crowd.1-stream"
