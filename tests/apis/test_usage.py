import pytest

from conformance.apis.token_counts import Usage
from conformance.apis.usage import reports, usage
from conformance.rules.example import HELLO, answered, chunk, completion, exchange, http, streamed

TOLD = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def messages(*events):
    text = "".join(f"event: {name}\ndata: {data}\n\n" for name, data in events)
    return exchange(http(200, (("content-type", "text/event-stream"),), text.encode()), probe="messages.hello")


def test_usage_of_a_whole_answer():
    told = TOLD | {"prompt_tokens_details": {"cached_tokens": 2}}
    assert usage(answered(completion(usage=told))) == Usage(3, 4, 2)


def test_usage_of_a_whole_answer_in_reply_to_a_stream():
    assert usage(answered(completion(usage=TOLD), mode="stream")) == Usage(3, 4)


def test_the_last_usage_of_a_stream_counts():
    early = TOLD | {"completion_tokens": 1}
    x = streamed(chunk({"content": "a"}, usage=early), chunk(usage=None), chunk(choices=[], usage=TOLD), "[DONE]")
    assert usage(x) == Usage(3, 4)
    assert [report.value for report in reports(x)] == [early, TOLD]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        [],
        "7",
        TOLD | {"prompt_tokens": -1},
        TOLD | {"prompt_tokens": "3"},
        TOLD | {"completion_tokens": None},
        TOLD | {"completion_tokens": True},
        TOLD | {"completion_tokens": 1.5},
        TOLD | {"completion_tokens": 10**30},
    ],
)
def test_what_can_not_be_true_is_no_usage(odd):
    assert usage(answered(completion(usage=odd))) is None
    assert usage(streamed(*HELLO[:-1], chunk(choices=[], usage=odd), "[DONE]")) is None
    assert usage(streamed(chunk(usage=TOLD), chunk(usage=odd))) == Usage(3, 4)


def test_no_usage_is_none():
    assert usage(streamed(*HELLO)) is None
    assert usage(answered("no JSON")) is None
    assert usage(exchange(b"")) is None


def test_usage_of_messages():
    told = '{"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": 10, "cache_creation_input_tokens": null}'
    x = answered(f'{{"type": "message", "usage": {told}}}', probe="messages.hello")
    assert usage(x) == Usage(15, 6, 10)


def test_usage_of_messages_in_a_stream():
    x = messages(
        ("message_start", '{"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1}}}'),
        ("message_delta", '{"type": "message_delta", "usage": {"output_tokens": 6}}'),
        ("message_delta", '{"type": "message_delta", "usage": {"output_tokens": 9}}'),
    )
    assert usage(x) == Usage(5, 9)


def test_usage_of_messages_that_is_reported_in_part():
    assert usage(messages(("message_delta", '{"type": "message_delta", "usage": {"output_tokens": 9}}'))) is None
