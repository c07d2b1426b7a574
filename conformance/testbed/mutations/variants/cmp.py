"""Legal variants of a non-streaming chat response, as servers in use send them."""

from conformance.testbed.mutations.mutate_chat import (
    Body,
    allowed,
    each_call,
    each_choice,
    each_message,
    in_turn,
    less,
    more,
    on_stream,
    on_whole,
    text_of,
    usage,
)
from conformance.testbed.mutations.mutate_requests import refusal, sent
from conformance.testbed.server.reply import Answer, Asked


def all_thought(answer: Answer, asked: Asked) -> Answer:
    """Hidden reasoning comes before the text: a token cap of 16 or less truncates the response within it.

    Such models reject logprobs.
    """
    body = sent(asked)
    caps = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    if asked.api != "chat" or answer.status != 200:
        return answer
    if body.get("logprobs") is True:
        return refusal(400, "'logprobs' is not supported with this model.", param="logprobs")
    if not any(type(cap) is int and cap <= 16 for cap in caps):
        return answer
    thought = usage(lambda told: told | {"completion_tokens_details": {"reasoning_tokens": told["completion_tokens"]}})
    silent = each_choice(lambda c: c | {"message": c["message"] | {"content": ""}}, is_cut)
    return in_turn(on_stream(unsaid), silent, thought)(answer, asked)


def is_cut(choice: Body) -> bool:
    """The choice was truncated at the token cap."""
    return bool(choice["finish_reason"] == "length")


def unsaid(chunks: list[Body]) -> list[Body]:
    """The chunks without the text, where it was truncated at the token cap."""
    cut = any(is_cut(part) for chunk in chunks for part in chunk["choices"])
    return [chunk for chunk in chunks if not (cut and text_of(chunk))]


def ended_at_once(whole: Body) -> Body:
    """A single text that the model ended on its own, as if its first token had been the end token."""
    choice = whole["choices"][0]
    if len(whole["choices"]) > 1 or choice["finish_reason"] != "stop":
        return whole
    told = whole["usage"] | {"completion_tokens": 1, "total_tokens": whole["usage"]["prompt_tokens"] + 1}
    return whole | {"choices": [choice | {"message": choice["message"] | {"content": ""}}], "usage": told}


WHOLE_VARIANTS = (
    allowed(
        "vendor-fields-in-completion",
        "Completion, choices, messages, calls and usage have vendor-specific fields",
        in_turn(
            on_whole(more(prompt_logprobs=None, kv_transfer_params=None, timings={"predicted_ms": 1.5})),
            each_choice(more(stop_reason=None, content_filter_results={})),
            each_message(more(reasoning_content=None, x_vendor=[1])),
            each_call(more(x_vendor=1)),
            usage(more(cost=0.0001, queue_time=0.5)),
        ),
    ),
    allowed(
        "nulls-in-completion",
        "Optional fields are null",
        in_turn(
            on_whole(more(service_tier=None, system_fingerprint=None)),
            each_message(more(refusal=None, audio=None, function_call=None)),
            usage(more(prompt_tokens_details=None, completion_tokens_details=None)),
        ),
    ),
    allowed(
        "completion-without-optional-fields",
        "A completion lacks fingerprint, tier, refusal and null logprobs",
        in_turn(
            on_whole(less("system_fingerprint", "service_tier")),
            each_choice(lambda choice: choice if choice["logprobs"] else less("logprobs")(choice)),
            each_message(less("refusal")),
            usage(less("prompt_tokens_details", "completion_tokens_details")),
        ),
    ),
    allowed(
        "no-calls-listed-in-message",
        "A message without tool calls has an empty tool_calls list",
        each_message(lambda message: {"tool_calls": []} | message),
    ),
    allowed(
        "content-blank-beside-calls",
        "A message with tool calls has empty content, not null",
        each_message(lambda message: message | {"content": message["content"] or ""}),
    ),
    allowed(
        "answer-with-thoughts",
        "A message has the model's reasoning in addition to its content",
        each_message(more(reasoning_content="They greet me, so I greet them.")),
    ),
    allowed(
        "model-ends-at-once",
        "The model ends its turn without text, and one token is billed",
        on_whole(ended_at_once),
    ),
    allowed(
        "choices-in-another-order",
        "The choices are in another order",
        on_whole(lambda whole: whole | {"choices": whole["choices"][::-1]}),
    ),
    allowed(
        "completion-id-of-another-form",
        "The id has another format",
        on_whole(lambda whole: whole | {"id": f"☂{whole['id']}", "created": 0}),
    ),
    allowed("cap-spent-on-thoughts", "A small token cap is spent on reasoning, and there is no text", all_thought),
)
