import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import Finding, Status
from conformance.rules.chk.finish import several
from conformance.rules.example import HELLO, SSE, chunk, error, exchange, http, sse, streamed
from conformance.testbed.mutations.defects import chk as defects

FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
RULES = {rule.id: rule for rule in FAMILIES}


def finds(name, x):
    """The rule's findings, or None where it does not apply."""
    rule = RULES[name]
    return None if rule.applies_to(x) else [item.seen for item in rule.check(x) if isinstance(item, Finding)]


def test_every_rule_has_a_defect():
    assert {c.caught_by for c in defects.CHUNK_DEFECTS} == {name for name in RULES if name.startswith("CHK")}


@pytest.mark.parametrize("name", [name for name in RULES if name.startswith("CHK")])
def test_an_error_in_place_of_an_answer_is_not_judged(name):
    skip = RULES[name].applies_to(streamed(error("Out of memory."), "[DONE]"))
    assert skip.status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("name", [name for name in RULES if name.startswith("CHK")])
def test_an_error_amid_the_stream_is_no_fault_of_the_chunks(name):
    assert not finds(name, streamed(*HELLO[:3], error("Out of memory."), "[DONE]"))


def test_a_broken_off_stream_is_not_blamed_for_what_did_not_come():
    raw = http(200, (SSE,), sse(*HELLO[:3]), length=False).replace(b"\r\n\r\n", b"\r\ncontent-length: 9999\r\n\r\n", 1)
    x = exchange(raw, ending=Ending("reset", "body", 1))
    assert RULES["CHK017"].applies_to(x).status is Status.UNTESTABLE
    assert RULES["CHK010"].applies_to(x).status is Status.UNTESTABLE


def test_what_an_unreadable_event_held_is_not_missed():
    for x in (streamed(*HELLO[:-2], "{", "[DONE]"), exchange(http(200, (SSE,), sse(*HELLO[:3]) + b"data: {"))):
        assert RULES["CHK017"].applies_to(x).status is Status.UNTESTABLE


def test_a_stream_that_ends_well_after_half_the_answer_is_judged():
    x = exchange(http(200, (SSE,), sse(*HELLO[:3])))
    assert finds("CHK017", x) == ["the choice never has a finish_reason"]


def test_a_stream_that_is_held_open_after_its_end_is_judged():
    raw = http(200, (SSE, ("transfer-encoding", "chunked")), b"", length=False)
    body = sse(*HELLO[:-2], "[DONE]")
    x = exchange(raw + f"{len(body):x}\r\n".encode() + body + b"\r\n", ending=Ending("timeout", "body", 1))
    assert finds("CHK017", x) == ["the choice never has a finish_reason"]


def spoken(*texts, **choice):
    return [chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None} | choice]) for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        ["ha", "ha", "ha"],
        ["ha"] * 12,
        ["no", "no", "yes", "yes"] * 4,
        ["a", "ab", "b"],
        ["-", "-", "--"],
        ["a" * 8, "a" * 8, "a" * 16],
        [" a", " a a", " a a a", " a a a a"],
        [" ha" * n for n in range(1, 12)],
        ["1", "10", "100"],
    ],
)
def test_repeated_words_are_no_repeated_answer(texts):
    x = streamed(*spoken(*texts), chunk(finish="stop"), "[DONE]")
    assert not finds("CHK021", x)
    assert not finds("CHK022", x)
    assert not finds("CHK025", x)


def test_log_probabilities_show_that_a_growing_text_is_new():
    texts = ["I", "In", "Indi", "India", "Indian"]
    assert finds("CHK021", streamed(*spoken(*texts), chunk(finish="stop"), "[DONE]"))
    logged = [spoken(text, logprobs={"content": [{"token": text, "logprob": -0.1}]})[0] for text in texts]
    assert finds("CHK021", streamed(*logged, chunk(finish="stop"), "[DONE]")) == []


@pytest.mark.parametrize("name", ["CHK013", "CHK017", "CHK018", "CHK020", "CHK021", "CHK022", "CHK023", "TOOL003"])
def test_what_an_index_tells_is_not_known_where_it_is_wrong(name):
    counting = [chunk(choices=[part["choices"][0] | {"index": at}]) for at, part in enumerate(HELLO[:-1])]
    assert RULES[name].applies_to(streamed(*counting, "[DONE]")).status is Status.UNTESTABLE


@pytest.mark.parametrize(
    "received",
    [sse(HELLO[0], "{", *HELLO[1:]), b"\xef\xbb\xbf\n\xef\xbb\xbf" + sse(*HELLO), sse(*HELLO[:3], "[DONE]", HELLO[3])],
)
def test_a_stream_of_which_a_part_was_lost_is_not_blamed_for_its_end(received):
    assert RULES["CHK017"].applies_to(exchange(http(200, (SSE,), received))).status is Status.UNTESTABLE


def test_an_answer_repeated_with_other_choices_around_is_seen():
    def of(index, text):
        return chunk(choices=[{"index": index, "delta": {"content": text}, "finish_reason": None}])

    told = [of(n, text) for text in ("Hello", " there", ".") for n in (0, 1)]
    x = streamed(*told, of(1, "Hello there."), "[DONE]", body={"n": 2})
    assert finds("CHK022", x) == ["the last delta repeats all the content before it: 'Hello there.'"]


def test_integers_may_be_written_as_floats():
    x = streamed(chunk(created=1_760_000_000.0, choices=[{"index": 0.0, "delta": {}, "finish_reason": "stop"}]))
    assert finds("CHK004", x) == finds("CHK012", x) == []


def test_the_place_of_a_fault_is_its_event():
    x = streamed(*HELLO[:2], chunk({"content": 7}), *HELLO[2:])
    (finding,) = RULES["CHK015"].check(x)
    event = x.received[finding.at.start : finding.at.end]
    assert event.startswith(b"data: {")
    assert b'"content": 7' in event


@pytest.mark.parametrize("value", ["", " ", "null", "None", "undefined", False, 0, {}])
def test_what_stands_for_null_is_no_finish_reason(value):
    first = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": value}
    x = streamed(chunk(choices=[first]), chunk(finish="stop"), "[DONE]")
    assert len(finds("CHK028", x)) == 1
    assert finds("CHK019", x) == []


@pytest.mark.parametrize("value", ["eos", "STOP", "nothing"])
def test_a_reason_of_the_engine_s_own_is_no_null(value):
    x = streamed(*HELLO[:-2], chunk(finish=value), "[DONE]")
    assert (finds("CHK028", x), len(finds("CHK019", x))) == ([], 1)


CAPPED = {"probe": "chat.witness.max_tokens", "body": {"max_tokens": 1}}
TO_THE_CAP, BEYOND_IT = (
    streamed(*HELLO[:-1], chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": spent}), "[DONE]", **CAPPED)
    for spent in (1, 7)
)
ENDS_ONCE, ENDS_TWICE = streamed(*HELLO), streamed(*HELLO[:-1], chunk(finish="stop"), "[DONE]")


@pytest.mark.parametrize(
    ("x", "single", "capped", "status"),
    [
        (several(0, spent=7), ENDS_ONCE, TO_THE_CAP, Status.FAIL),
        (several(0, spent=7), ENDS_ONCE, BEYOND_IT, Status.UNTESTABLE),
        (several(0, spent=4), ENDS_ONCE, BEYOND_IT, Status.PASS),
        (several(0, 0), ENDS_ONCE, BEYOND_IT, Status.FAIL),
        (several(0, 0), ENDS_TWICE, TO_THE_CAP, Status.UNTESTABLE),
    ],
)
def test_choices_are_merged_only_where_one_alone_would_look_otherwise(x, single, capped, status):
    """A target that ignores n and its cap sends one long choice; one that repeats its end ends each choice twice."""
    asked = {"x": x, "single": single, "capped": (capped,), "policy": Policy()}
    assert decide(RULES["CHK027"], asked, (x,))[0] is status
