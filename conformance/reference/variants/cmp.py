"""Legal variants of a whole chat answer, as servers in use send them."""

from conformance.reference.edit import (
    allowed,
    each_call,
    each_choice,
    each_message,
    in_turn,
    less,
    more,
    on_whole,
    usage,
)

WHOLE_VARIANTS = (
    allowed(
        "vendor-fields-in-completion",
        "Completion, choices, messages, calls and usage have fields of the vendor's own",
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
        "A message without tool calls has an empty list of them",
        each_message(lambda message: {"tool_calls": []} | message),
    ),
    allowed(
        "content-blank-beside-calls",
        "A message that calls tools has blank content, not null",
        each_message(lambda message: message | {"content": message["content"] or ""}),
    ),
    allowed(
        "answer-with-thoughts",
        "A message has the model's thoughts beside the answer",
        each_message(more(reasoning_content="They greet me, so I greet them.")),
    ),
    allowed(
        "choices-in-another-order",
        "The choices come in another order",
        on_whole(lambda whole: whole | {"choices": whole["choices"][::-1]}),
    ),
    allowed(
        "completion-id-of-another-form",
        "The id has a form of its own",
        on_whole(lambda whole: whole | {"id": f"☂{whole['id']}", "created": 0}),
    ),
)
