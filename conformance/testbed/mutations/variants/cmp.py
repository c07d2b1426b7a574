"""Legal variants of a non-streaming chat response, as servers in use send them."""

from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_call,
    each_choice,
    each_delta,
    each_message,
    in_turn,
    on_stream,
    on_whole,
    text_of,
    usage,
    variant,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_dialects import thoughtful
from conformance.testbed.mutations.mutate_requests import refusal, sent
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def all_thought(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Hidden reasoning comes before the text: a token cap of 16 or less truncates the response within it.

    Such models reject logprobs.
    """
    body = sent(request)
    caps = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    if request.api != "chat" or response.status != 200:
        return response
    if body.get("logprobs") is True:
        return refusal(400, "'logprobs' is not supported with this model.", param="logprobs")
    if not any(type(cap) is int and cap <= 16 for cap in caps):
        return response
    thought = usage(
        lambda counted: counted | {"completion_tokens_details": {"reasoning_tokens": counted["completion_tokens"]}}
    )
    silent = each_choice(lambda c: c | {"message": c["message"] | {"content": ""}}, is_cut)
    return in_turn(on_stream(unsaid), silent, thought)(response, request)


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
    counted = whole["usage"] | {"completion_tokens": 1, "total_tokens": whole["usage"]["prompt_tokens"] + 1}
    return whole | {"choices": [choice | {"message": choice["message"] | {"content": ""}}], "usage": counted}


WHOLE_VARIANTS = (
    variant(
        "vendor-fields-in-completion",
        "Completion, choices, messages, calls and usage have vendor-specific fields",
        in_turn(
            on_whole(with_fields(prompt_logprobs=None, kv_transfer_params=None, timings={"predicted_ms": 1.5})),
            each_choice(with_fields(stop_reason=None, content_filter_results={})),
            each_message(with_fields(reasoning_content=None, x_vendor=[1])),
            each_call(with_fields(x_vendor=1)),
            usage(with_fields(cost=0.0001, queue_time=0.5)),
        ),
    ),
    variant(
        "nulls-in-completion",
        "Optional fields are null",
        in_turn(
            on_whole(with_fields(service_tier=None, system_fingerprint=None)),
            each_message(with_fields(refusal=None, audio=None, function_call=None)),
            usage(with_fields(prompt_tokens_details=None, completion_tokens_details=None)),
        ),
    ),
    variant(
        "completion-without-optional-fields",
        "A completion lacks fingerprint, tier, refusal and null logprobs",
        in_turn(
            on_whole(without_fields("system_fingerprint", "service_tier")),
            each_choice(lambda choice: choice if choice["logprobs"] else without_fields("logprobs")(choice)),
            each_message(without_fields("refusal")),
            usage(without_fields("prompt_tokens_details", "completion_tokens_details")),
        ),
    ),
    variant(
        "no-calls-listed-in-message",
        "A message without tool calls has an empty tool_calls list",
        each_message(lambda message: {"tool_calls": []} | message),
    ),
    variant(
        "content-blank-beside-calls",
        "A message with tool calls has empty content, not null",
        each_message(lambda message: message | {"content": message["content"] or ""}),
    ),
    Mutation(
        name="answer-with-thoughts",
        title="A response has the model's reasoning in addition to its content",
        on_request=thoughtful,
    ),
    variant(
        "model-ends-at-once",
        "The model ends its turn without text, and one token is billed",
        on_whole(ended_at_once),
    ),
    variant(
        "model-refuses",
        "The model declines: its text is in `refusal`, and content is null",
        in_turn(
            each_delta(lambda d: {"refusal": d["content"]}, lambda d: d.get("content")),
            each_message(lambda m: m | {"content": None, "refusal": m["content"]} if m["content"] else m),
        ),
    ),
    variant(
        "choices-in-another-order",
        "The choices are in another order",
        on_whole(lambda whole: whole | {"choices": whole["choices"][::-1]}),
    ),
    variant(
        "completion-id-of-another-form",
        "The id has another format",
        on_whole(lambda whole: whole | {"id": f"☂{whole['id']}", "created": 0}),
    ),
    variant("cap-spent-on-thoughts", "A small token cap is spent on reasoning, and there is no text", all_thought),
)
