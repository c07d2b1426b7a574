"""CPL: text completions, by what the API documents; legal forms that servers in use send must not fail."""

import pytest

from conformance import catalogue
from conformance.field_support.capability import effect_shown
from conformance.model.verdict import MUST, Finding, Status
from conformance.probes.completions import across_pieces
from conformance.rules.cpl import stops
from conformance.rules.cpl.echo import ECHO, OTHER, SCORE
from conformance.rules.cpl.example import (
    BASELINE,
    PROMPT,
    asking,
    choice,
    chunk,
    completion,
    scored,
    stream,
    texts,
    whole,
)
from conformance.rules.cpl.logprobs import ASKED, IDS, response
from conformance.rules.cpl.prompts import ALONE, FIRST, SECOND, TWO
from conformance.rules.example import answered, exchange, http

RULES = {rule.id: rule for rule in catalogue.rules() if "completions" in rule.apis}
ALL = [pytest.param(rule, id=rule.id) for rule in RULES.values() if len(rule.parameters) == 1]


def yielded(name, *given):
    """A rule's results: its reason not to judge, its findings, or nothing."""
    rule = RULES[name]
    if skip := rule.applies_to(given[0]):
        return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


def failing(x):
    """The MUST rules on one exchange that fail."""
    rules = (rule for rule in RULES.values() if rule.level is MUST and len(rule.parameters) == 1)
    judged = (rule for rule in rules if x.mode in rule.modes and not rule.applies_to(x))
    return [rule.id for rule in judged if any(isinstance(item, Finding) for item in rule.check(x))]


VLLM = completion(
    choice(" you", finish="length", logprobs=scored("Hi", " you")) | {"stop_reason": None, "prompt_logprobs": None},
    choice("Hi you", finish="length", logprobs=scored("Hi", " you")),
    usage={"prompt_tokens": 3, "total_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None},
    kv_transfer_params=None,
)
LEGAL = {
    "the end with the last text": stream(
        chunk(choice("Hi", finish=None)), chunk(choice(" you", finish="length")), **BASELINE
    ),
    "no key logprobs": whole({"index": 0, "text": "Hi", "finish_reason": "stop"}),
    "an empty id": whole(id="", system_fingerprint="3.0.1-sha"),
    "usage on each chunk": stream(
        *(chunk(choice(text, finish=end), usage=completion()["usage"]) for text, end in (("Hi", None), ("", "stop")))
    ),
    "a token that is listed beside the likeliest": whole(
        choice("Hi", finish="length", logprobs=scored("Hi", top_logprobs=[{" a": -0.1, " b": -0.3, "Hi": -0.5}])),
        **ASKED,
    ),
    "no alternatives where none are requested": whole(
        choice("Hi", logprobs=scored("Hi", top_logprobs=None)), **ASKED | {"body": {"prompt": PROMPT, "logprobs": 0}}
    ),
    "two choices in a chunk": stream(
        chunk(choice("a", 0, None), choice("b", 1, None)),
        chunk(choice("", 0), choice("", 1)),
        **BASELINE | {"body": {"prompt": PROMPT, "n": 2}},
    ),
    "a space before the prompt": texts(f" {PROMPT} Hello", **ECHO),
    "an empty completion": texts("", **BASELINE),
}


@pytest.mark.parametrize("x", LEGAL.values(), ids=list(LEGAL))
def test_what_servers_in_use_send_fails_no_must(x):
    assert failing(x) == []


def test_log_probabilities_without_the_requested_alternatives_are_a_part_of_the_effect():
    name, seen = effect_shown(response("Hi", " you", top_logprobs=None))
    assert (name, seen.state) == ("logprobs", "dropped")
    assert seen.why == "`logprobs: 2` was silently ignored in part: no token has alternatives"


def test_an_error_and_another_document_are_no_completion():
    refused = answered({"error": {"message": "No."}}, status=400, **ECHO)
    assert failing(refused) == []
    assert yielded("CPL001", answered({"detail": "x"}, **BASELINE)) != []


def test_the_form_of_chat_completions_is_reported_as_such():
    message = whole({"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"})
    assert yielded("CPL002", message) == ["a choice has no text, but a message"]
    lists = whole(choice("Hi", logprobs={"content": [{"token": "Hi", "logprob": -0.5}]}), **ASKED)
    assert yielded("CPL011", lists) == [
        "`logprobs` has no tokens and no token_logprobs, but content, as in chat completions"
    ]
    assert yielded("PAR001", lists) == []


def test_a_list_of_prompts_is_in_order_if_the_texts_say_so():
    alone = texts(" Two", **ALONE)
    assert yielded("CPL004", texts(" One", " Two", **TWO), alone, alone) == []
    assert len(yielded("CPL004", texts(" Two", " One", **TWO), alone, alone)) == 1
    assert yielded("CPL004", texts(" One", " 2", **TWO), alone, alone) == [Status.UNTESTABLE]
    assert yielded("CPL004", texts(" Two", " One", **TWO), alone, texts(" 2", **ALONE)) == [Status.UNTESTABLE]
    assert yielded("CPL004", texts(" Two", " Two", **TWO), alone, alone) == []
    assert yielded("CPL004", texts(" One", " Two", **TWO), None, None) == [Status.UNTESTABLE]
    assert yielded("CPL004", texts(" Two", **TWO), alone, alone) == [Status.UNTESTABLE], "CPL003 reports it"


def test_choices_of_a_prompt_follow_each_other_if_n_is_above_one():
    asked = {"probe": "completions.witness.echo", "body": {"prompt": [FIRST, SECOND], "echo": True, "n": 2}}
    in_order, by_turns = (FIRST, FIRST, SECOND, SECOND), (FIRST, SECOND, FIRST, SECOND)
    assert yielded("CPL004", texts(*in_order, **asked), None, None) == []
    assert len(yielded("CPL004", texts(*by_turns, **asked), None, None)) == 2
    assert yielded("CPL004", texts(FIRST, SECOND, **asked), None, None) == [], "FLD011 reports that `n` is ignored"
    assert yielded("CPL004", texts(FIRST, FIRST, **asked), None, None) == [], "a lost prompt is not out of order"
    assert yielded("CPL003", texts(FIRST, **asked)) == ["the request has 2 prompts, but the response has 1 choice(s)"]


def test_a_model_may_repeat_its_prompt_once():
    repeated, other = texts(f"{PROMPT} Hello", **BASELINE), texts(" One", **OTHER)
    assert yielded("CPL006", repeated, (other,)) == [Status.UNTESTABLE]
    assert yielded("CPL006", repeated, ()) == [Status.UNTESTABLE]
    assert yielded("CPL006", texts(f"\n{PROMPT}", **BASELINE), (other,)) == []


def test_an_echo_that_lacks_the_prompt_is_reported_for_the_choice():
    two = ECHO | {"body": {"prompt": [PROMPT, SECOND], "echo": True}}
    assert yielded("CPL005", texts(PROMPT, " One", **two)) == [
        "`echo: true` was silently ignored: choice 1 does not begin with its prompt"
    ]
    assert yielded("CPL005", texts("Hi", **ECHO | {"body": {"prompt": [70], "echo": True}})) == [Status.NOT_APPLICABLE]


def test_white_space_after_an_echoed_prompt_is_no_generated_text():
    assert yielded("CPL008", texts(f"{PROMPT}\n\n", **SCORE)) == []
    assert len(yielded("CPL008", texts(f"{PROMPT} H", **SCORE))) == 1
    assert yielded("CPL008", texts("Hello", **SCORE)) == [Status.UNTESTABLE]


def test_every_prompt_token_but_the_first_needs_a_score():
    first, second = response("F", "G", " now", facts=IDS), response("F", "G", facts=IDS, token_logprobs=[-0.1, None])
    assert yielded("CPL012", first) == []
    assert yielded("CPL012", second) == ["token 1 of `logprobs`, 'G', has no log probability"]
    assert failing(second) == ["CPL012"], "one fault is one MUST"


@pytest.mark.parametrize(
    ("tokens", "offsets", "fits"),
    [
        (("Hi", " you"), [0, 2], True),
        (("Hi", " you"), [10, 12], True),
        (("bytes:\\xf0\\x9f", "bytes:\\x99\\x82", "!"), [0, 0, 1], True),
        (("\ufffd", "\ufffd", "!"), [0, 1, 1], True),
        (("Hi", " you"), [2, 0], False),
        (("Hi", " you"), [0, 3], False),
    ],
)
def test_offsets_grow_by_the_length_of_each_token(tokens, offsets, fits):
    assert (yielded("CPL014", response(*tokens, text_offset=offsets)) == []) is fits


def test_the_shared_rules_read_text_completions():
    bare = stream(chunk(choice("Hi", finish=None)), chunk(choice("!", finish=None)), **BASELINE)
    assert len(yielded("CHK017", bare)) == 1
    assert yielded("CMP007", texts("a", "b", **TWO)) == []
    assert len(yielded("CMP007", texts("a", "b", "c", **TWO))) == 1
    late = stream(chunk(choice("Hi")), chunk(choice("!", finish=None)), **BASELINE)
    assert len(yielded("CHK020", late)) == 1


def test_a_suffix_is_counted_beside_token_ids():
    ids = {"probe": "completions.form.token-ids", "body": {"prompt": [70, 71], "suffix": " and so on"}}
    assert yielded("CPL007", whole(prompt=5, **ids)) == [Status.NOT_APPLICABLE]
    assert len(yielded("CPL007", whole(prompt=5, **ids | {"body": {"prompt": [70, 71]}}))) == 1


def test_a_cut_stream_shows_nothing():
    cut = http(200, (("content-type", "text/event-stream"),), b'data: {"object": "text_completion", "cho', length=False)
    x = exchange(cut, probe="completions.witness.echo", body=ECHO["body"] | {"stream": True})
    assert [name for name in failing(x) if name.startswith("CPL")] == []


ALONE_TEXT = texts(" Hello there", **asking("twin", "", temperature=0))
ECHO_CUT = whole(choice(PROMPT, finish="length"), **ECHO)


@pytest.mark.parametrize(
    ("x", "alone", "again", "expected"),
    [
        (ECHO_CUT, ALONE_TEXT, texts(" Hi", **asking("twin", "")), [Status.UNTESTABLE]),
        (
            ECHO_CUT,
            texts("\n\n\n\nHi", **asking("twin", "")),
            texts("\n\n\n\nHi", **asking("twin", "")),
            [Status.UNTESTABLE],
        ),
        (ECHO_CUT, *[texts("\N{CRAB} Hi", **asking("twin", ""))] * 2, [Status.UNTESTABLE]),
        (ECHO_CUT, *[texts(" Two", **asking("twin", "", prompt="Another."))] * 2, [Status.UNTESTABLE]),
        (texts(PROMPT, **ECHO), ALONE_TEXT, ALONE_TEXT, []),
        (texts(f"<s> {PROMPT}\n\nHi", **ECHO), ALONE_TEXT, ALONE_TEXT, []),
    ],
    ids=["varies", "white space first", "parts of characters", "another prompt", "ends at once", "white space between"],
)
def test_an_echo_without_more_is_a_fault_only_if_the_model_would_go_on_visibly(x, alone, again, expected):
    assert yielded("CPL015", x, alone, again) == expected


def test_one_token_or_a_sampled_one_may_be_white_space():
    for field in ({"max_tokens": 1}, {"temperature": 1}):
        x = whole(choice(PROMPT, finish="length"), **ECHO | {"body": ECHO["body"] | field})
        assert yielded("CPL015", x, ALONE_TEXT, ALONE_TEXT) == [Status.NOT_APPLICABLE]


def test_a_lost_completion_is_reported_for_each_choice():
    two = ECHO | {"body": ECHO["body"] | {"prompt": [SECOND, PROMPT]}}
    x = whole(choice(f"{SECOND} One", 0, "length"), choice(PROMPT, 1, "length"), **two)
    seen = ["choice 1 was cut at its token cap, but has nothing after its prompt"]
    assert yielded("CPL015", x, *[texts("Hello", **asking("twin", ""))] * 2) == seen


def listing(*likeliest, numbers=(None, -1.0, -2.0, -3.0, -4.0)):
    """An echoed prompt of five tokens, with these numbers and alternatives."""
    return response(
        "a", " b", " c", " d", " e", facts=ECHO_SCORE, token_logprobs=[*numbers], top_logprobs=[None, *likeliest]
    )


ECHO_SCORE = asking("witness", "echo.score", prompt="a b c d", echo=True, logprobs=1, max_tokens=1)
OWN = [{" b": -1.0}, {" c": -2.0}, {" d": -3.0}, {" e": -4.0}]
NEXT = [{" c": -1.0}, {" d": -2.0}, {" e": -3.0}, {"x": -4.0}]
PREVIOUS = [{"a": -1.0}, {" b": -2.0}, {" c": -3.0}, {" d": -4.0}]


@pytest.mark.parametrize(
    ("likeliest", "expected"),
    [
        (OWN, []),
        ([{" b": -1.0, "x": -0.5}, *OWN[1:]], []),
        (NEXT, ["the top_logprobs of each token name the next one instead of it"]),
        (PREVIOUS, ["the top_logprobs of each token name the previous one instead of it"]),
        ([{"a": -0.1}, {" b": -0.1}, {" c": -0.1}, {" d": -0.1}], [Status.UNTESTABLE]),
        ([{"x": -0.1}] * 4, [Status.UNTESTABLE]),
        ([None] * 4, [Status.UNTESTABLE]),
        ([*NEXT[:2], *OWN[2:]], [Status.UNTESTABLE]),
        ([{" b": -2.0}, {" c": -3.0}, {" d": -4.0}, {" e": -9.0}], [Status.UNTESTABLE]),
    ],
    ids=[
        "own",
        "own and likelier",
        "next",
        "previous",
        "repeating model",
        "never its own",
        "none",
        "some",
        "with another number",
    ],
)
def test_alternatives_tell_whose_the_scores_are(likeliest, expected):
    assert yielded("CPL016", listing(*likeliest)) == expected


PAIR_ASKED = asking("witness", "echo.prompts", prompt=["a b c", "a b d"], echo=True, logprobs=1, max_tokens=1)


@pytest.mark.parametrize(
    ("one", "other", "is_shifted"),
    [
        ((None, -2.5, -9.0, -0.5), (None, -2.6, -4.0, -0.5), False),
        ((None, -14.0, -9.0, -0.5), (None, -15.5, -4.0, -0.5), False),
        ((None, -9.0, -0.5, -0.5), (None, -4.0, -0.5, -0.5), True),
        ((None, -2.5, -4.1, -0.5), (None, -2.5, -4.0, -0.5), None),
        ((None, None, None, -0.5), (None, None, None, -0.5), None),
    ],
    ids=["as they are", "low precision", "of the next", "too similar to tell", "without scores"],
)
def test_prompts_that_begin_alike_have_the_same_scores_until_they_differ(one, other, is_shifted):
    lists = [
        (tokens, scored(*tokens, token_logprobs=[*numbers], top_logprobs=None))
        for tokens, numbers in ((("a", " b", " c", "."), one), (("a", " b", " d", "."), other))
    ]
    x = whole(*(choice("".join(tokens), at, "length", found) for at, (tokens, found) in enumerate(lists)), **PAIR_ASKED)
    found = yielded("CPL016", x)
    assert found == [Status.UNTESTABLE] if is_shifted is None else len(found) == is_shifted


def test_parts_of_characters_are_not_distinguished():
    parts = ("\ufffd", "\ufffd", " c", ".")
    lists = [scored(*parts, token_logprobs=[None, number, -1.0, -1.0], top_logprobs=None) for number in (-9.0, -1.0)]
    x = whole(*(choice("\N{CRAB} c.", at, "length", found) for at, found in enumerate(lists)), **PAIR_ASKED)
    assert yielded("CPL016", x) == [Status.UNTESTABLE]


@pytest.mark.parametrize(
    ("text", "pieces", "stop"),
    [
        ("One, two, three", ("One", ", two", ", three"), "wo, "),
        ("One, two, three", ("One, two, three",), "wo, "),
        ("ab ab ab ab ab ab", ("ab ab ab", " ab ab ab"), ""),
        ("Hi", ("H", "i"), ""),
        ("", (), ""),
    ],
)
def test_a_stop_sequence_is_taken_from_two_pieces_where_it_first_occurs(text, pieces, stop):
    assert across_pieces(text, pieces) == stop


def test_a_stop_sequence_that_is_included_or_ignored_is_reported_once():
    counted, plain = stops.TEXT, stops.PLAIN
    assert yielded("CPL018", stops.streamed(" One, t"), counted, counted, plain) == [], "PAR007 reports it"
    ignored = texts(" One, two", **asking("witness", "stop", stop=["e"]))
    assert yielded("CPL018", stops.streamed(" One, two", "length"), counted, counted, ignored) == [Status.UNTESTABLE]
    assert yielded("CPL018", stops.streamed(" 1, 2"), counted, counted, plain) == [Status.UNTESTABLE]
    assert yielded("CPL018", stops.streamed(" On"), counted, texts(" 1, 2", **BASELINE), plain) == [Status.UNTESTABLE]
    assert yielded("CPL018", stops.streamed(" One, tw"), counted, counted, plain) == [
        "the text goes on with 'e, tw' where the stop sequence 'e, t' begins"
    ]


def test_all_candidates_of_best_of_may_be_counted():
    asked = asking("form", "best-of", n=1, best_of=2, max_tokens=4)
    assert yielded("USE009", whole(words=8, **asked)) == []
    assert len(yielded("USE009", whole(words=12, **asked))) == 1
    two = asked | {"body": asked["body"] | {"prompt": [FIRST, SECOND]}}
    assert yielded("USE009", texts(" One", " Two", words=16, **two)) == []
