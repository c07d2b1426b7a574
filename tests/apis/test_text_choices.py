"""The choices of Completions in the form of Chat Completions."""

import pytest

from conformance.apis.logprobs import entries, joined_tokens
from conformance.apis.request import choices_in, prompts_in
from conformance.apis.response_content import response_content
from conformance.apis.text_choices import in_chat_form, logprob_lists
from conformance.rules.cpl.example import choice, chunk, scored, stream, whole

ASKED = {"probe": "completions.witness.logprobs", "body": {"prompt": "Hi", "logprobs": 1}}


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Hi", ("Hi",)),
        (None, (None,)),
        (["Hi", "Ho"], ("Hi", "Ho")),
        ([1, 2], ([1, 2],)),
        ([[1, 2], [3]], ([1, 2], [3])),
        ([[1, 2]], ([1, 2],)),
    ],
)
def test_each_form_of_a_prompt_is_read(prompt, found):
    assert prompts_in({"prompt": prompt}) == found
    assert choices_in({"prompt": prompt, "n": 2}) == 2 * len(found)


def test_a_body_without_prompts_requests_one_completion():
    assert (prompts_in({}), choices_in({})) == ((), 1)
    assert choices_in({"messages": [], "n": 3}) == 3


def test_lists_become_one_entry_a_token():
    lists = scored("Hi", " you", first=None)
    told = in_chat_form(choice("Hi you", logprobs=lists))["logprobs"]["content"]
    assert [entry["token"] for entry in told] == ["Hi", " you"]
    assert [entry["logprob"] for entry in told] == [None, -0.5]
    assert told[0]["top_logprobs"] == []
    assert told[1]["top_logprobs"] == [{"token": " you", "logprob": -0.5, "bytes": list(b" you")}]


def test_what_is_no_list_is_left_out_or_left_alone():
    assert logprob_lists(choice(logprobs=None)) is None
    assert logprob_lists(choice(logprobs=7)) == (None, None, None, None)
    assert in_chat_form(choice(logprobs={"tokens": ["a", "b"], "token_logprobs": [-1]}))["logprobs"]["content"] == [
        {"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}
    ]
    chat = choice(logprobs={"content": []})
    assert in_chat_form(chat) is chat


def test_a_stream_and_a_whole_response_read_the_same():
    parts = [chunk(choice(text, finish=None, logprobs=scored(text))) for text in ("Hi", " you")]
    streamed = stream(*parts, chunk(choice("", finish="length")), **ASKED)
    complete = whole(choice("Hi you", finish="length", logprobs=scored("Hi", " you")), **ASKED)
    for x in (streamed, complete):
        (one,) = response_content(x).choices
        assert (one.text, one.finish, joined_tokens(one)) == ("Hi you", "length", "Hi you")
        assert [entry.value["token"] for entry in entries(x)] == ["Hi", " you"]


def test_a_character_in_two_tokens_is_joined_from_its_bytes():
    spelt = scored("bytes:\\xf0\\x9f", "bytes:\\x99\\x82")
    (one,) = response_content(whole(choice("\N{SLIGHTLY SMILING FACE}", logprobs=spelt), **ASKED)).choices
    assert joined_tokens(one) == one.text


def test_only_the_first_token_of_each_echoed_choice_is_first():
    echo = {"probe": "completions.witness.echo", "body": {"prompt": ["Hi", "Ho"], "logprobs": 1, "echo": True}}
    both = [choice(text, at, "length", scored(text, "!", first=None)) for at, text in enumerate(("Hi", "Ho"))]
    assert [entry.is_first for entry in entries(whole(*both, **echo))] == [True, False, True, False]
    assert [entry.is_first for entry in entries(stream(chunk(*both), **echo))] == [True, False, True, False]
    assert not any(entry.is_first for entry in entries(whole(*both, **ASKED)))
