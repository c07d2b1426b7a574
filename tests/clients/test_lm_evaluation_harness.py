"""lm-evaluation-harness: what it makes of choices, scores and bytes; its table is in facts_embeddings.py."""

import json

import pytest
from client_replies import answered, reply_to

from conformance.clients import CLIENTS, affected_clients, impact, profile_impacts
from conformance.model.target import Prices
from conformance.rules.cpl.example import choice, completion, scored, whole
from conformance.rules.example import exchange, http

(CLIENT,) = CLIENTS["lm-evaluation-harness"]
PRICED = Prices(request=0.001)
SCORES = {"prompt": [[70, 71, 72, 73], [70, 71, 84, 85]], "echo": True, "logprobs": 1, "max_tokens": 1}
TOKENS = ("a", "b", "c", "d", "e")
LIKELY, UNLIKELY = (scored(*TOKENS, first=None, **changes) for changes in ({}, {"token_logprobs": [None, *[-2.0] * 4]}))


def scores(*choices):
    return whole(*choices, probe="completions.hello", body=SCORES)


def read(x):
    seen = impact(CLIENT, x, None, PRICED)
    return CLIENT.simulate(x, None).turn.text, seen.outcome, seen.requests


def test_a_score_is_the_sum_over_the_continuation_and_choices_are_ordered_by_their_index():
    first, second = choice("abcde", 0, logprobs=LIKELY), choice("abfge", 1, logprobs=UNLIKELY)
    expected = (json.dumps([[-1.0, True], [-4.0, False]]), "text", 1)
    assert read(scores(first, second)) == expected
    assert read(scores(second, first)) == expected


@pytest.mark.parametrize("tokens", [TOKENS[4:], TOKENS[:4]], ids=["only the completion", "only the prompt"])
def test_scores_of_other_tokens_are_taken_without_an_error(tokens):
    x = scores(*(choice("e", at, logprobs=scored(*tokens)) for at in range(2)))
    seen = impact(CLIENT, x, None, PRICED)
    assert (seen.outcome, seen.requests, seen.delivered, seen.error) == ("partial_text", 1, False, "")
    assert seen.detail.endswith(
        "Its user sees log-likelihoods of other tokens than those of its continuations, and no error."
    )


@pytest.mark.parametrize(
    "choices",
    [
        [choice("a", at) for at in range(2)],
        [choice("a", at, logprobs=scored(*TOKENS, top_logprobs=None)) for at in range(2)],
        [choice("a", at, logprobs=scored(*TOKENS, token_logprobs=[None] * 5)) for at in range(2)],
        [choice("a", at, logprobs=scored(*TOKENS, token_logprobs=[10**400, 0.5] * 3)) for at in range(2)],
        [choice("a", 0, logprobs=LIKELY)],
        [choice("a", at, logprobs=LIKELY) for at in (0, "1")],
    ],
    ids=["no logprobs", "no alternatives", "no numbers", "beyond floats", "one choice", "an index as text"],
)
def test_an_evaluation_ends_at_a_response_without_scores_and_pays_once(choices):
    assert read(scores(*choices)) == ("", "exception", 1)


@pytest.mark.parametrize(
    ("choices", "outcome"),
    [
        ([choice("two", 1), choice("one", 0)], ("one", "text")),
        ([choice("one", -1)], ("one", "text")),
        ([choice(None)], ("", "empty_silent")),
        ([choice("one", 1)], ("", "exception")),
        ([{"text": "one"}], ("", "exception")),
        ([{"index": 0}], ("", "exception")),
        ([], ("", "exception")),
    ],
)
def test_a_text_is_that_of_the_choice_whose_index_is_0(choices, outcome):
    x = answered("completions", "unary", completion() | {"choices": choices})
    assert read(x) == (*outcome, 1)


def test_three_requests_are_paid_for_responses_that_are_not_json():
    seen = impact(CLIENT, reply_to("completions", "unary", "text", "json_empty_body"), None, PRICED)
    assert (seen.outcome, seen.requests, seen.billed, seen.cost_usd) == ("exception", 3, 3, 0.003)


@pytest.mark.parametrize(
    ("labelled", "before", "shown"),
    [
        ("application/json", b"", "Señor"),
        ("text/plain", b"", "SeÃ±or"),
        ("text/plain; charset=utf-8", b"", "Señor"),
        ("text/plain; charset=no-charset", b"", "Señor"),
        ("application/octet-stream", b"\xef\xbb\xbf", "Señor"),
        ("application/json", b"\xef\xbb\xbf", None),
    ],
)
def test_the_content_type_decides_how_bytes_become_text(labelled, before, shown):
    body = json.dumps(completion(choice("Señor")), ensure_ascii=False).encode()
    x = answered("completions", "unary", before + body, (("content-type", labelled),))
    assert read(x) == (("", "exception", 3) if shown is None else (shown, "text", 1))


def test_a_redirect_is_followed_to_where_nothing_is_known_of():
    x = exchange(http(307, (("location", "/elsewhere"),), b"{}"), mode="unary", probe="completions.hello")
    assert read(x) == ("", "exception", 3)


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ("content-length: {}\r\nno field", ("Hello there.", "text", 1)),
        ("content-length: {}\r\nx: a\x01b", ("Hello there.", "text", 1)),
        ("content-length: {}" + "\r\nx: y" * 100, ("", "exception", 3)),
        ("content-length: {}\r\nx: " + "y" * 65_536, ("", "exception", 3)),
        ("no field\r\ncontent-length: {}", ("", "hang", 1)),
        ("x : y\r\ncontent-length: {}", ("", "hang", 1)),
        ("content-length: {} bytes", ("", "hang", 1)),
        ("content-length: {}\r\ncontent-length: 1", ("", "exception", 3)),
    ],
)
def test_http_client_decides_what_a_head_says_and_may_find_no_end_of_the_body(lines, outcome):
    body = json.dumps(completion()).encode()
    raw = f"HTTP/1.1 200 OK\r\n{lines.format(len(body))}\r\n\r\n".encode() + body
    x = exchange(raw, mode="unary", probe="completions.hello")
    assert read(x) == outcome
    assert CLIENT.simulate(x, None).uncertain == (outcome[1] == "hang")


def test_early_hints_are_taken_for_the_response():
    x = answered("completions", "unary", completion())
    raw = x.received
    assert read(type(x)(id="x", case=x.case, sent=x.sent, received=b"HTTP/1.1 100 Continue\r\n\r\n" + raw))[1] == "text"
    hinted = type(x)(id="x", case=x.case, sent=x.sent, received=b"HTTP/1.1 103 Early Hints\r\n\r\n" + raw)
    assert read(hinted) == ("", "exception", 3)


def test_it_never_asks_for_a_stream_and_no_stream_affects_it():
    x = reply_to("completions", "stream", "text", "sse_empty")
    assert CLIENT.name not in {seen.client for seen in affected_clients(x, None, PRICED)}
    unary = reply_to("completions", "unary", "text", "500")
    assert CLIENT.name in {seen.client for seen in affected_clients(unary, None, PRICED)}
    own = unary.for_case(type(unary.case)("completions", CLIENT.profile, "unary", unary.case.kind))
    assert [seen.client for seen in profile_impacts(own, None, PRICED)] == [CLIENT.name]
