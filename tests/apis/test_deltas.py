import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.apis.deltas import arrivals, deltas
from conformance.model.words import APIS
from conformance.rules.example import SSE, chunk, exchange, http, sse, streamed


def kinds_and_texts(x):
    return [(delta.kind, delta.text) for delta in deltas(x)]


def test_a_chat_stream():
    x = streamed(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "Hello", "reasoning": None}),
        chunk({"content": [{"type": "text", "text": " there"}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        chunk(choices=[{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]),
        chunk(finish="stop"),
        "[DONE]",
    )
    assert kinds_and_texts(x) == [
        ("thinking", "Hm."),
        ("text", "Hello"),
        ("text", " there"),
        ("tool", "f"),
        ("tool", "{}"),
        ("text", "a"),
        ("text", "b"),
    ]


def test_a_messages_stream():
    x = streamed(
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "text": "no"}},
        probe="messages.hello",
    )
    assert kinds_and_texts(x) == [("thinking", "Hm."), ("text", "Hello"), ("tool", "{}")]


def test_a_responses_stream():
    x = streamed(
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm."},
        {"type": "response.function_call_arguments.delta", "delta": "{}"},
        {"type": "response.output_text.done", "text": "Hello"},
        probe="responses.hello",
    )
    assert kinds_and_texts(x) == [("text", "Hello"), ("thinking", "Hm."), ("tool", "{}")]


def test_each_piece_has_the_time_of_its_event():
    head, first, rest = http(200, (SSE,), b"", length=False), sse(chunk({"content": "a"})), sse(chunk({"content": "b"}))
    x = exchange(head + first + rest, arrivals=[(1, len(head) + 5), (4, len(first) - 5), (9, len(rest))])
    assert arrivals(x) == (4 * 10**6, 9 * 10**6)


NAMES = st.sampled_from(
    ["choices", "delta", "content", "text", "type", "tool_calls", "function", "arguments", "reasoning", "thinking"]
)
WORDS = st.sampled_from(["content_block_delta", "response.output_text.delta", "a", ""])
SCALARS = st.none() | st.booleans() | st.integers() | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)


@given(st.lists(VALUES, max_size=3), st.sampled_from(APIS))
def test_no_shape_does_harm(values, api):
    x = streamed(*values, probe=f"{api}.hello")
    assert all(isinstance(delta.text, str) and delta.text for delta in deltas(x))
    assert len(arrivals(x)) == len(deltas(x))


@pytest.mark.parametrize("value", [{"content_block": {"text": 5}}, {"type": "content_block_delta"}, {"choices": {}}])
def test_other_shapes_add_nothing(value):
    assert kinds_and_texts(streamed(value, probe="messages.hello")) == []
