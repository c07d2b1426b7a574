"""Where agents behave unlike their SDKs: cases that were measured with the real ones."""

import json

import pytest
from client_replies import BEGUN, BLOCK, BLOCK_END, ENDING, GOOD, JSON, OVER, SPOKEN, received, streamed, typed, whole
from observed import BY_NAME

from conformance.rules.example import http

GONE = typed("error", error={"type": "api_error", "message": "gone"})
EVERY = (BEGUN, BLOCK, *SPOKEN, BLOCK_END, ENDING, OVER)


def fate(client, x, fallback=None):
    seen = BY_NAME[client].simulate(x, fallback or x)
    return seen.outcome, len(seen.exchanges)


def delta(**fields):
    return typed("content_block_delta", index=0, delta=fields)


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        (EVERY, ("text", 1)),
        ([e for e in EVERY if e is not ENDING], ("text", 1)),
        ([e for e in EVERY if e is not OVER], ("text", 1)),
        ([e for e in EVERY if e is not BLOCK_END], ("empty_silent", 2)),
        ([e for e in EVERY if e not in SPOKEN], ("empty_silent", 2)),
        ([e for e in EVERY if e not in (ENDING, OVER)], ("partial_text+exception", 4)),
        ([e for e in EVERY if e not in (BLOCK_END, OVER)], ("partial_text+exception", 2)),
        ([*EVERY[:-2], GONE], ("partial_text+exception", 4)),
        ([*EVERY[:-2], BLOCK_END, *EVERY[-2:]], ("partial_text+exception", 4)),
        ([*EVERY[:3], GONE], ("partial_text+exception", 2)),
        ([GONE], ("partial_text+exception", 4)),
        ([BEGUN, BLOCK, delta(type="text_delta", text=None), *EVERY[2:]], ("partial_text+exception", 2)),
        ([BEGUN, BLOCK, delta(type="x_delta"), *EVERY[2:]], ("text", 1)),
        ([BEGUN, BLOCK, delta(text="x"), *EVERY[2:]], ("partial_text+exception", 2)),
    ],
)
def test_claude_code_shows_a_block_when_it_ends_and_repeats_the_stream_if_it_fails_later(events, seen):
    assert fate("Claude Agent SDK 0.2", streamed("messages", events)) == seen


@pytest.mark.parametrize(("after_s", "seen"), [(59, ("hang", 11)), (61, ("partial_text+exception", 1))])
def test_claude_code_does_not_wait_longer_than_a_minute(after_s, seen):
    x = received("messages", "stream", http(429, (*JSON, ("retry-after", str(after_s))), b"{}"))
    assert fate("Claude Agent SDK 0.2", x) == seen


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (("x_news", delta(type="text_delta", text="x")[1]), ("text", 1)),
        (("content_block_delta", delta(type="text_delta", text=None)[1]), ("exception", 1)),
        (("content_block_delta", []), ("exception", 1)),
        (typed("content_block_delta", index=5, delta={"type": "text_delta", "text": "x"}), ("exception", 3)),
        (typed("content_block_start", index=1, content_block={"type": None}), ("exception", 3)),
        (typed("message_delta", delta={"stop_reason": [1]}, usage={"output_tokens": 1}), ("exception", 1)),
    ],
)
def test_hermes_reads_messages_with_the_older_sdk(event, seen):
    events = [e for e in EVERY if e not in SPOKEN and e is not ENDING]
    x = streamed("messages", [*events[:2], event, *events[2:]])
    if seen[0] == "text":
        x = streamed("messages", [*EVERY[:2], event, *EVERY[2:]])
    assert fate("hermes 0.19 (Anthropic)", x) == seen


def refused(status, body=b"{}"):
    return received("chat", "stream", http(status, JSON, body))


def test_hermes_retries_whatever_is_neither_success_nor_the_clients_fault():
    assert fate("hermes 0.19", refused(304, b"")) == ("exception", 3)
    assert fate("hermes 0.19", refused(413)) == ("exception", 1)


def test_hermes_retries_an_error_whose_body_is_cut_as_a_lost_stream():
    cut = b"HTTP/1.1 400 x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    assert fate("hermes 0.19", received("chat", "stream", cut)) == ("exception", 18)


def test_letta_asks_for_summaries_of_a_conversation_that_is_too_long():
    told = json.dumps({"error": {"message": "This model's maximum context length is 8"}}).encode()
    assert fate("Letta 0.16", refused(413)) == ("exception", 4)
    assert fate("Letta 0.16", refused(400, told)) == ("exception", 4)
    assert fate("Letta 0.16", refused(400)) == ("exception", 1)


def completion(**changes):
    return received("chat", "unary", http(200, JSON, json.dumps(whole("chat") | changes).encode()))


def choice(**changes):
    return completion(choices=[whole("chat")["choices"][0] | changes])


@pytest.mark.parametrize(
    ("x", "seen"),
    [
        (choice(index="1"), "text"),
        (choice(index=1.5), "exception"),
        (choice(finish_reason=None), "text"),
        (choice(logprobs={"content": [{"token": "x"}]}), "exception"),
        (completion(created="2026-01-01"), "text"),
        (completion(created="soon"), "exception"),
        (completion(usage={"prompt_tokens": 1, "completion_tokens": 1}), "exception"),
        (completion(system_fingerprint=7), "exception"),
    ],
)
def test_letta_requires_what_its_model_of_a_response_does(x, seen):
    assert fate("Letta 0.16", x) == (seen, 1)


def test_crewai_makes_an_event_of_each_delta_whose_id_must_be_text():
    changed = [(name, data | {"id": []} if isinstance(data, dict) else data) for name, data in GOOD["chat"]]
    assert fate("CrewAI 1.15 (LLM.call)", streamed("chat", changed)) == ("exception", 1)


def test_openai_node_7_reads_an_event_that_is_not_terminated_and_nothing_after_the_end():
    open_ended = received("chat", "stream", http(200, JSON, b'data: {"choices": [{"delta": {"content": "x"}}]}'))
    assert fate("openai-node 7.59", open_ended) == ("partial_text", 1)
    assert fate("openai-node 6.49", open_ended) == ("empty_silent", 1)
    almost = [*GOOD["chat"][:-1], ("", "[DONE] x")]
    assert fate("openai-node 7.59", streamed("chat", almost)) == ("partial_text+exception", 1)
    assert fate("openai-node 6.49", streamed("chat", almost)) == ("text", 1)


def test_ai_sdk_7_takes_a_refusal_that_is_no_text_for_none():
    x = choice(message={"role": "assistant", "content": None, "refusal": ["No."]})
    assert fate("AI SDK 7 (openai-compatible)", x) == ("empty_silent", 1)


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        ("AI SDK 6 (openai-compatible)", "empty_silent"),
        ("AI SDK 6 (openai)", "text"),
        ("AI SDK 7 (openai-compatible)", "text"),
        ("AI SDK 7 (openai)", "text"),
    ],
)
def test_ai_sdk_7_shows_a_refusal_by_every_provider(client, outcome):
    x = choice(message={"role": "assistant", "content": None, "refusal": "No."})
    assert fate(client, x) == (outcome, 1)
