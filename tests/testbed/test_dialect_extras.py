"""What vendors add to chat: comments, their own fields, filter results, padding, and seconds of silence."""

import pytest

SAID = [{"role": "user", "content": "say hello"}]


def test_openrouter_sends_comments_its_own_fields_and_reasoning_twice(tell):
    received = tell("openrouter", "chat", messages=SAID, stream=True)
    assert received.content.startswith(b": OPENROUTER PROCESSING\n\n")
    *chunks, _ = received.events
    assert {chunk["provider"] for chunk in chunks} == {"Reference"}
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    told = [(d["reasoning"], d["reasoning_details"][0]["text"]) for d in deltas if d.get("reasoning")]
    assert told
    assert all(one == other for one, other in told)
    assert chunks[-1]["usage"]["cost"] > 0
    assert [c["native_finish_reason"] for chunk in chunks for c in chunk["choices"]][-2:] == ["stop", None]


def test_azure_filters_the_prompt_first_and_then_every_choice(tell):
    first, *chunks, _ = tell("azure-chat", "chat", messages=SAID, stream=True).events
    assert (first["id"], first["model"], first["choices"]) == ("", "", [])
    assert first["prompt_filter_results"][0]["content_filter_results"]["hate"] == {
        "filtered": False,
        "severity": "safe",
    }
    assert all("content_filter_results" in choice for chunk in chunks for choice in chunk["choices"])


def test_padding_is_on_unless_it_is_turned_off(tell):
    *chunks, _ = tell("openai-classic", "chat", messages=SAID, stream=True).events
    assert len({len(chunk["obfuscation"]) for chunk in chunks}) > 1
    off = {"stream_options": {"include_obfuscation": False}}
    assert all("obfuscation" not in c for c in tell("openai-classic", "chat", messages=SAID, stream=True, **off).events)
    events = tell("openai-classic", "responses", input="hello", stream=True).events
    assert {e["type"] for e in events if "obfuscation" in e} == {"response.output_text.delta"}


@pytest.mark.parametrize("streamed", [True, False])
def test_a_slow_model_sends_nothing_for_seconds(streamed, tell):
    slow = tell("slow-first-byte", "chat", messages=SAID, stream=streamed).reply
    usual = tell("openai-reasoning", "chat", messages=SAID, stream=streamed).reply
    assert slow.pieces[0].wait_s >= 2
    assert slow.pieces[0].wait_s - usual.pieces[0].wait_s == pytest.approx(2)
    assert [piece.data for piece in slow.pieces] == [piece.data for piece in usual.pieces]
