"""The embedded server's Completions, by its schemas and with the real client."""

import pytest

from conformance import schemas
from conformance.testbed.server.deployments import DEPLOYMENTS, NATIVE_SSE, SSE_PROXY
from conformance.testbed.server.serve import running

COUNT = "Count from one to six in words."
BODIES = [
    {},
    {"n": 2, "max_tokens": 2},
    {"prompt": [COUNT, "Say hello."], "max_tokens": 4},
    {"prompt": [70.0, 71, 72], "max_tokens": 1},
    {"prompt": "long" * 20, "echo": True, "logprobs": 1},
    {"prompt": [[70, 71], [72]], "echo": True, "logprobs": 2, "max_tokens": 1},
    {"prompt": COUNT, "stop": " four", "logprobs": 0},
    {"echo": True, "max_tokens": 0, "logprobs": 1},
    {"suffix": "That is all.", "logit_bias": {"7": 100}},
]


@pytest.fixture
def complete(ask):
    """One request for a text completion."""

    def complete(deployment=NATIVE_SSE, /, **fields):
        return ask({"model": "reference", "prompt": COUNT} | fields, deployment, path="/v1/completions")

    return complete


def texts(received):
    """Text, tokens and finish_reason of each choice, streamed or not."""
    parts = received.json["choices"] if received.events is None else []
    for chunk in received.events or ():
        parts += chunk["choices"] if chunk != "[DONE]" else ()
    found = {}
    for part in parts:
        text, tokens, finish = found.get(part["index"], ("", [], None))
        tokens = tokens + ((part["logprobs"] or {}).get("tokens") or [])
        found[part["index"]] = text + part["text"], tokens, part["finish_reason"] or finish
    return found


@pytest.mark.parametrize("fields", BODIES, ids=lambda fields: "-".join(fields) or "plain")
@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=list(DEPLOYMENTS))
def test_every_reply_satisfies_its_schema(deployment, fields, complete):
    schemas.validator("completions-response").validate(complete(deployment, **fields).json)
    received = complete(deployment, **fields, stream=True)
    if received.status == 501:
        schemas.validator("error").validate(received.json)
    elif received.events is None:
        schemas.validator("completions-response").validate(received.json)
    else:
        *chunks, last = received.events
        assert last == "[DONE]"
        for chunk in chunks:
            schemas.validator("completions-chunk").validate(chunk)


@pytest.mark.parametrize("fields", BODIES, ids=lambda fields: "-".join(fields) or "plain")
@pytest.mark.parametrize("deployment", [NATIVE_SSE, SSE_PROXY], ids=lambda d: d.name)
def test_a_stream_amounts_to_the_whole_completion(deployment, fields, complete):
    whole = complete(**fields)
    received = complete(deployment, **fields, stream=True, stream_options={"include_usage": True})
    assert texts(received) == texts(whole)
    *_, last, _ = received.events
    assert (last["choices"], last["usage"]) == ([], whole.json["usage"])


def test_the_choices_of_each_prompt_are_in_a_row(complete):
    received = complete(prompt=["Say hello.", COUNT], n=2, echo=True, max_tokens=1)
    said = [text for text, _, _ in texts(received).values()]
    assert [text.startswith(COUNT) for text in said] == [False, False, True, True]
    assert received.json["usage"]["completion_tokens"] == 4


def test_only_the_first_token_of_an_echoed_prompt_has_no_log_probability(complete):
    lists = complete(echo=True, max_tokens=2, logprobs=1).json["choices"][0]["logprobs"]
    assert lists["token_logprobs"][0] is lists["top_logprobs"][0] is None
    assert None not in lists["token_logprobs"][1:]
    assert lists["text_offset"][:2] == [0, len("Count")]
    assert complete(max_tokens=1, logprobs=1).json["choices"][0]["logprobs"]["text_offset"] == [len(COUNT)]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"logprobs": 6}, "logprobs"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"messages": []}, "messages"),
    ],
)
def test_what_the_api_does_not_document_is_rejected_by_name(fields, param, complete):
    received = complete(**fields)
    assert received.status == 400
    assert received.json["error"]["param"] == param


@pytest.fixture
def client(openai):
    with running(NATIVE_SSE) as url:
        yield openai.OpenAI(base_url=url, api_key="any", max_retries=0)


def test_the_real_client_reads_a_completion_and_its_stream(client):
    asked = {"model": "reference", "prompt": COUNT, "max_tokens": 5}
    whole = client.completions.create(**asked)
    streamed = client.completions.create(**asked, stream=True)
    assert whole.choices[0].text == "".join(chunk.choices[0].text for chunk in streamed) == "one, two, three"
    assert whole.choices[0].finish_reason == "length"


def test_the_real_client_reads_scores_of_several_prompts(client):
    prompts = ["Say hello.", COUNT]
    whole = client.completions.create(model="reference", prompt=prompts, echo=True, logprobs=1, max_tokens=0)
    assert [choice.text for choice in whole.choices] == prompts
    for choice in whole.choices:
        assert "".join(choice.logprobs.tokens) == choice.text
        first, *others = choice.logprobs.token_logprobs
        assert first is None
        assert all(number < 0 for number in others)
    assert whole.usage.completion_tokens == 0
