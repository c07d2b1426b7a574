"""EMB: what is legal for embeddings is no failure, and a fault is found on every API's terms."""

import math
from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.model.target import Policy, Target
from conformance.model.verdict import MUST, Finding, Status
from conformance.plan import plan
from conformance.rules.emb.belonging import FIRST, LAST
from conformance.rules.emb.example import (
    GOOD,
    GOOD_BATCH,
    ONE,
    TEXTS,
    THREE,
    TWO,
    as_base64,
    batch,
    embedded,
    entry,
    listed,
    single,
)
from conformance.selftest import DEFAULT_PROFILES, run_change, run_subject
from conformance.testbed.mutations import changes
from conformance.testbed.mutations.defects.emb import DEFECTS

EMBEDDINGS = ("embeddings",)
RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "EMB"}
BASE64 = {"encoding_format": "base64", "probe": "witness.encoding_format"}
NOISY = single((0.0, 0.0, 0.6, 0.8))
"""Another embedding of the text that `GOOD` is of."""


def judged(rule, x, *others):
    """What a rule finds, or the status with which it does not judge."""
    if skip := RULES[rule].applies_to(x):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in RULES[rule].check(x, *others)]


def failing(run, level=None):
    verdicts = run.judgement.verdicts
    assert [v.message for v in verdicts if v.status is Status.ERROR] == []
    return {v.rule for v in verdicts if v.status is Status.FAIL and level in (None, v.level)}


def test_every_rule_has_a_defect():
    assert {*RULES} == {change.caught_by for change in DEFECTS}


def test_the_gate_costs_at_most_30_requests():
    target = Target(base_url="http://h/v1", model="m", apis=EMBEDDINGS)
    assert 20 <= len(plan(target, DEFAULT_PROFILES, "gate")) <= 30
    assert 1 <= len(plan(target, DEFAULT_PROFILES, "smoke")) <= 8
    assert all(request.cases[0].mode == "unary" for request in plan(target, DEFAULT_PROFILES, "full"))


def test_the_correct_server_passes_every_rule(recorded_once):
    run = recorded_once("native-sse", Policy(), "full", EMBEDDINGS)
    assert failing(run) == set()
    passed = {v.rule for v in run.judgement.verdicts if v.status is Status.PASS}
    assert {*RULES} - passed == {"EMB026", "EMB028"}, "it rejects what these two need"


@pytest.mark.parametrize(
    ("defect", "rule"),
    [
        ("any-key-accepted", "AUTH001"),
        ("errors-as-html", "ERR005"),
        ("mistakes-as-500", "ERR003"),
        ("json-as-text", "HTTP006"),
        ("models-in-an-array", "MDL002"),
    ],
)
def test_the_rules_for_all_apis_judge_embeddings(recorded_once, defect, rule):
    base = recorded_once("native-sse", Policy(), "full", EMBEDDINGS)
    change = replace(changes.find(defect), apis=EMBEDDINGS)
    run = run_change("native-sse", change, Policy(), apis=EMBEDDINGS, base=base)
    assert rule in failing(run)


@pytest.mark.parametrize("rule", ["EMB012", "EMB013"])
def test_a_batch_is_not_blamed_where_a_text_alone_varies(rule):
    rotated = batch(ONE, THREE, TWO)
    assert judged(rule, rotated, FIRST, GOOD, LAST, NOISY) == [Status.UNTESTABLE]
    assert judged(rule, rotated, FIRST, GOOD, LAST, GOOD)


def test_the_index_counts_where_the_order_differs():
    entries = [entry(THREE, 2), entry(TWO, 0), entry(ONE, 1)]
    x = embedded(listed(*entries), TEXTS, "form.batch")
    assert judged("EMB012", x, FIRST, GOOD, LAST, GOOD) == []
    assert judged("EMB004", x) == []
    assert len(judged("EMB005", x)) == 1


def test_an_index_that_was_left_out_is_reported_and_hides_no_embedding_of_another_text():
    for entries in (
        [entry(THREE, None), entry(ONE, 1), entry(TWO, 2)],
        [entry(THREE, None), entry(ONE, None), entry(TWO, None)],
    ):
        x = embedded(listed(*entries), TEXTS, "form.batch")
        assert len(judged("EMB004", x)) == 1
        assert judged("EMB005", x) == [Status.UNTESTABLE]
        assert len(judged("EMB012", x, FIRST, GOOD, LAST, GOOD)) == 2
    odd = embedded(listed(entry(TWO, 1), entry(ONE, None), entry(THREE, 2)), TEXTS, "form.batch")
    assert judged("EMB012", odd, FIRST, GOOD, LAST, GOOD) == [Status.UNTESTABLE]


def test_a_form_is_not_blamed_where_another_field_is_refused():
    facts = {"given": TEXTS, "probe": "form.batch", "status": 400, "encoding_format": "float"}
    message = "Value 'float' provided for argument 'encoding_format' is invalid."
    assert judged("EMB023", embedded({"detail": message}, **facts), GOOD) == [Status.UNTESTABLE]
    assert len(judged("EMB023", embedded({"detail": "'input' is invalid, or 'encoding_format'."}, **facts), GOOD)) == 1
    assert len(judged("EMB023", embedded({"detail": "no"}, **facts), GOOD)) == 1


def test_kernels_that_differ_are_no_other_embedding():
    near = tuple(value + 0.05 for value in ONE)
    assert judged("EMB012", batch(TWO, near, THREE), FIRST, GOOD, LAST, GOOD) == []
    assert judged("EMB014", GOOD, single(tuple(value * 1.0001 for value in ONE))) == []


def test_another_model_in_the_response_is_another_embedding():
    other = embedded(listed(entry(TWO), model="m-2"), TEXTS[1])
    assert judged("EMB014", GOOD, other) == [Status.UNTESTABLE]
    assert judged("EMB012", GOOD_BATCH, FIRST, other, LAST, other) == [Status.UNTESTABLE]


def test_a_base64_text_of_other_floats_is_named_as_that():
    for form in (">f", "<d", "<e"):
        assert len(judged("EMB011", single(as_base64(ONE, form), **BASE64), GOOD, GOOD)) == 1
    assert judged("EMB011", single(as_base64((math.nan, *ONE[1:])), **BASE64), GOOD, GOOD) == [Status.UNTESTABLE]


def test_floats_with_the_highest_byte_first_are_not_taken_for_nan():
    values = (0.001953125, 127.99, -0.6, 0.7)  # 0x3b000000, and bytes that are NaN when reversed
    for odd in ((*values, 1.1754942e-38 * 0 + 1.52587890625e-05), values):
        x = single(as_base64(odd, ">f"), **BASE64)
        assert judged("EMB008", x) in ([], [Status.NOT_APPLICABLE])


def test_16_bit_floats_written_as_32_bit_ones_are_the_same_embedding():
    halves = (0.60009765625, 0.7998046875, 0.0, 0.0)
    assert judged("EMB011", single(as_base64(halves), **BASE64), GOOD, GOOD) == []


def test_kernels_that_differ_with_the_load_are_no_other_encoding():
    near = (0.63, 0.77, 0.03, 0.0)
    assert judged("EMB011", single(as_base64(near), **BASE64), GOOD, GOOD) == []
    assert judged("EMB014", GOOD, single(near)) == []
    for values in ((6.0, 8.0, 0.0, 0.0), (0.3, 0.4, 0.0, 0.0)):
        assert len(judged("EMB011", single(as_base64(values), **BASE64), GOOD, GOOD)) == 1


def test_integers_are_numbers():
    assert judged("EMB006", single([127, -128, 0])) == []


@pytest.mark.parametrize("given", ["", ["a", "", "b"]])
def test_an_empty_text_may_be_rejected(given):
    refused = embedded({"error": {"message": "no", "param": "input"}}, given, "mistake.empty-text", status=400)
    assert judged("EMB025", refused) == []
    assert judged("EMB026", refused) == [Status.NOT_APPLICABLE]


def test_a_long_text_that_is_counted_is_not_cut():
    words = "no " * 1000
    for tokens, found in ((1002, []), (510, []), (300, 1)):
        seen = judged("EMB027", embedded(listed(entry(ONE), tokens=tokens), words, "mistake.too-long"))
        assert seen == found or len(seen) == found


def test_padding_and_special_tokens_may_be_counted():
    singles = [single(values, text) for values, text in zip((TWO, ONE, THREE), TEXTS, strict=True)]
    for tokens, found in ((18, 0), (14, 0), (26, 0), (6, 1), (40, 1)):
        assert len(judged("EMB022", batch(TWO, ONE, THREE, tokens=tokens), *singles)) == found


def counted(tokens, given=TEXTS[1], probe="twin"):
    return embedded(listed(entry(ONE), tokens=tokens), given, probe)


@pytest.mark.parametrize(
    ("tokens", "found"), [(2, 0), (18, 1), (19, 0), (20, 0), (40, 0), (118, 0), (119, 1), (1, 1), (0, 0)]
)
def test_a_text_has_a_token_for_two_words_at_least_and_one_for_a_byte_at_most(tokens, found):
    first = counted(len(TEXTS[0]) + (tokens - len(TEXTS[1])), TEXTS[0], "form.default-format")
    last = counted(len(TEXTS[2]) + (tokens - len(TEXTS[1])), [TEXTS[2]], "form.list-of-one")
    assert len(judged("EMB029", counted(tokens), first, last)) == found
    assert len(judged("EMB029", counted(tokens), None, last)) == (found if tokens != len(TEXTS[1]) else 0)


def numbers(*vectors):
    return batch(*vectors, given=["[5, 17]", "[5,17]", "5 17"], probe="form.tokens-as-texts")


def test_tokens_that_are_like_texts_of_digits_are_not_taken_for_one():
    tokens = single(ONE, [5, 17], "form.tokens")
    alike = numbers(ONE, (0.6, 0.801, 0.0, 0.0), (0.601, 0.8, 0.0, 0.0))
    assert judged("EMB030", tokens, alike) == [Status.UNTESTABLE]
    assert judged("EMB030", tokens, numbers((0.63, 0.77, 0.03, 0.0), TWO, THREE)) == []
    assert judged("EMB030", tokens, numbers(TWO, ONE, THREE)) == [
        "the tokens have the embedding of the text '[5,17]' (cosine 1.0000)"
    ]
    refused = embedded({"error": {"message": "no", "param": "input"}}, [5, 17], "form.tokens", status=400)
    assert judged("EMB030", refused, alike) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [((ONE, TWO), 0), ((ONE, ONE), 1), (((0.0, 0.0), (0.0, 0.0)), [Status.UNTESTABLE]), ((ONE,), [Status.UNTESTABLE])],
)
def test_long_texts_differ_to_their_ends(vectors, expected):
    x = batch(*vectors, given=["lamp " * 700 + end for end in ("dough", "star")], probe="mistake.long-texts")
    found = judged("EMB031", x)
    assert found == expected or len(found) == expected


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", [change.name for change in changes.variants() if change.apis == EMBEDDINGS])
def test_a_legal_variant_fails_no_must_in_any_suite(recorded_once, name):
    for suite in ("gate", "full"):
        assert failing(run_subject(name, suite, recorded_once), MUST) == set()


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", [change.name for change in DEFECTS])
def test_a_defect_is_caught_by_its_rule_and_fails_no_other_must(recorded_once, name):
    run, caught_by = run_subject(name, "full", recorded_once), changes.find(name).caught_by
    assert caught_by in failing(run)
    assert failing(run, MUST) <= {caught_by}
