"""Legal variants: dialects of Chat Completions: Azure, OpenRouter, DeepSeek, Qwen, vLLM.

https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter,
https://openrouter.ai/docs/use-cases/reasoning-tokens, https://api-docs.deepseek.com/guides/thinking_mode,
https://docs.vllm.ai/en/latest/features/reasoning_outputs.html,
https://www.alibabacloud.com/help/en/model-studio/deep-thinking
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import is_stream
from conformance.testbed.mutations.mutate_chat import (
    Edit,
    each_choice,
    each_chunk,
    each_delta,
    each_message,
    each_part,
    in_turn,
    on_stream,
    on_whole,
    usage,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_dialects import (
    Body,
    Check,
    accepting,
    all_of,
    member,
    read_in_turn,
    reasoning,
    refusing,
    without_in_messages,
)
from conformance.testbed.mutations.mutate_dialects import without_fields as ignoring
from conformance.testbed.mutations.variants.chk import annotated
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import (
    Mutation,
    OnRequest,
    OnResponse,
    Reasoning,
    ServerRequest,
    WireResponse,
    Write,
)

TOKENS = 16
EFFORT = {"none": 0, "minimal": 4, "low": 8, "medium": TOKENS, "high": 32, "xhigh": 48, "max": 48}
"""Tokens of reasoning for each effort."""


LEAST = 16


def least_cap(body: Body) -> Iterator[Refusal]:
    """Caps that leave no room for a sentence, as gateways to Responses refuse them on every API."""
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(cap := body.get(name), int) and 0 < cap < LEAST:
            limit = f"Expected a value >= {LEAST}, but got {cap} instead."
            message = f"Invalid '{name}': integer below minimum value. {limit}"
            yield Refusal(message=message, param=name, code="integer_below_min_value")


SMALL_CAPS_REFUSED = Mutation(
    name="small-caps-refused",
    title="Token caps below 16 are refused on chat and Messages, too",
    on_response=refusing({"chat": least_cap, "messages": least_cap}),
)


def where_reasoning(edit: OnResponse) -> OnResponse:
    """Edit the responses of a model that has reasoned."""
    return lambda response, request: edit(response, request) if request.reasoning.tokens else response


def by_effort(wanted: object) -> int:
    """The tokens of an effort; the usual ones where it is not known."""
    return EFFORT.get(wanted, TOKENS) if isinstance(wanted, str) else TOKENS


def chat_reasoning(read: Callable[[Body], int], field: str) -> OnRequest:
    """Reasoning in chat, under this name."""
    return reasoning(
        lambda request, body: Reasoning(tokens=read(body), field=field) if request.api == "chat" else Reasoning()
    )


def with_usage_always(body: Body) -> Body:
    """The body as if usage was requested, unless it is declined."""
    options = body.get("stream_options")
    if body.get("stream") is not True or not (options is None or isinstance(options, dict)):
        return body
    return body | {"stream_options": {"include_usage": True} | (options or {})}


SAFE: Body = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
JAILBREAK: Body = {"jailbreak": {"detected": False, "filtered": False}}
PROMPT_RESULTS = [{"prompt_index": 0, "content_filter_results": SAFE | JAILBREAK}]


def filtered_first(chunks: list[Body]) -> list[Body]:
    """The first chunk has the results for the prompt, and no choice."""
    first, *rest = annotated(chunks)
    return [first | {"prompt_filter_results": PROMPT_RESULTS}, *rest]


AZURE = Mutation(
    name="azure-chat",
    title="Azure's dialect of chat: a first chunk without choices, and content filter results in every choice",
    on_response=in_turn(
        each_part(lambda choice: choice | {"content_filter_results": SAFE if choice["delta"].get("content") else {}}),
        each_choice(with_fields(content_filter_results=SAFE)),
        on_whole(with_fields(prompt_filter_results=PROMPT_RESULTS)),
        on_stream(filtered_first),
    ),
)

OPENROUTER_COST: Body = {"cost": 0.0000375, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
PROCESSING = b": OPENROUTER PROCESSING\n\n"


def with_details(message: Body) -> Body:
    """A message or delta that tells its reasoning a second time, as blocks."""
    text = message.get("reasoning")
    if not text:
        return message
    return message | {"reasoning_details": [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}]}


def named_twice(choice: Body) -> Body:
    """A choice with the finish_reason of the model's own host."""
    return choice | {"native_finish_reason": choice["finish_reason"]}


def usage_beside_a_choice(chunks: list[Body]) -> Iterator[Body]:
    """The usage chunk has an empty choice."""
    empty = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    for chunk in chunks:
        yield chunk if chunk["choices"] else chunk | {"choices": [empty | {"native_finish_reason": None}]}


def processing(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Comments, as long as nothing else can be sent."""
    if request.api != "chat" or not is_stream(reply) or not reply.pieces:
        return reply
    return replace(reply, pieces=(Write(data=PROCESSING), Write(data=PROCESSING), *reply.pieces))


def openrouter_tokens(body: Body) -> int:
    """The tokens of reasoning that OpenRouter's own field requests, or else OpenAI's."""
    if member(body, "reasoning", "enabled") is False:
        return 0
    most = member(body, "reasoning", "max_tokens")
    return (
        most
        if isinstance(most, int)
        else by_effort(member(body, "reasoning", "effort") or body.get("reasoning_effort"))
    )


OPENROUTER = Mutation(
    name="openrouter",
    title="OpenRouter's dialect of chat: comments first, its own fields, and reasoning under two names",
    on_request=read_in_turn(
        chat_reasoning(openrouter_tokens, "reasoning"),
        accepting(ignoring("reasoning", "provider", "transforms", "include_reasoning", "usage"), "chat"),
        accepting(without_in_messages("reasoning", "reasoning_details"), "chat"),
        accepting(with_usage_always, "chat"),
    ),
    on_response=in_turn(
        each_chunk(lambda chunk: without_fields("usage")(chunk) if not chunk.get("usage") else chunk),
        each_chunk(with_fields(provider="Reference")),
        on_whole(with_fields(provider="Reference")),
        each_part(named_twice),
        each_choice(named_twice),
        each_delta(with_details),
        each_message(with_details),
        usage(with_fields(**OPENROUTER_COST)),
        on_stream(usage_beside_a_choice),
    ),
    on_wire=processing,
)

DEEPSEEK_CACHE: Body = {"prompt_cache_hit_tokens": 0}
DETAILS = ("prompt_tokens_details", "completion_tokens_details")


def with_both_texts(delta: Body) -> Body:
    """A delta that names both texts, the one that it has and the other as null."""
    if "role" in delta:
        return without_fields("refusal")(delta) | {"content": None, "reasoning_content": ""}
    if "reasoning_content" in delta:
        return {"content": None} | delta
    return delta | {"reasoning_content": None} if "content" in delta else delta


def usage_with_the_end(chunks: list[Body]) -> Iterator[Body]:
    """The usage is in the last chunk with a choice."""
    last = next((chunk["usage"] for chunk in chunks if not chunk["choices"]), None)
    kept = [chunk for chunk in chunks if chunk["choices"]]
    yield from kept[:-1]
    yield from (chunk | ({"usage": last} if last else {}) for chunk in kept[-1:])


def with_cache(counted: Body) -> Body:
    """Usage with DeepSeek's names for the cached part of the prompt."""
    cached = {"prompt_cache_miss_tokens": counted["prompt_tokens"], **DEEPSEEK_CACHE}
    thought = counted["completion_tokens_details"]["reasoning_tokens"]
    details: Body = {
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    return without_fields(*DETAILS)(counted) | details | cached


DEEPSEEK_EFFORT = {"none": 0, "minimal": 8, "low": 8, "medium": 16, "high": 16, "xhigh": 16, "max": 32}
"""Tokens of reasoning for each effort; there are three, and `high` is usual."""


def deepseek_tokens(body: Body) -> int:
    """The tokens of reasoning, unless thinking is disabled."""
    wanted = body.get("reasoning_effort")
    if member(body, "thinking", "type") == "disabled":
        return 0
    return DEEPSEEK_EFFORT.get(wanted if isinstance(wanted, str) else "high", DEEPSEEK_EFFORT["high"])


def _deepseek(message: str) -> Refusal:
    """DeepSeek names a parameter in the message only."""
    return Refusal(message=message, code="invalid_request_error")


def deepseek_check(body: Body) -> Iterator[Refusal]:
    """What DeepSeek refuses, most of it while it thinks."""
    if member(body, "response_format", "type") == "json_schema":
        yield _deepseek("This response_format type is unavailable now")
    if deepseek_tokens(body) == 0:
        return
    for name in ("logprobs", "top_logprobs"):
        if body.get(name):
            yield _deepseek(f"deepseek-reasoner does not support the parameter `{name}`")
    if body.get("tool_choice") not in (None, "auto", "none"):
        yield _deepseek("Thinking mode does not support this tool_choice")


def reasoning_left_out(body: Body) -> Iterator[Refusal]:
    """A call that comes back without the reasoning before it, while the model thinks."""
    calls = [message for message in body["messages"] if message.get("tool_calls")]
    if deepseek_tokens(body) and any(not isinstance(call.get("reasoning_content"), str) for call in calls):
        yield _deepseek("The `reasoning_content` in the thinking mode must be passed back to the API.")


def _deepseek_dialect(name: str, title: str, *checks: Check) -> Mutation:
    return Mutation(
        name=name,
        title=title,
        on_request=read_in_turn(
            chat_reasoning(deepseek_tokens, "reasoning_content"),
            accepting(ignoring("thinking"), "chat"),
            accepting(without_in_messages("reasoning_content"), "chat"),
            accepting(with_usage_always, "chat"),
        ),
        on_response=in_turn(
            refusing({"chat": all_of(*checks)}),
            usage(with_cache),
            on_stream(usage_with_the_end),
            where_reasoning(each_delta(with_both_texts)),
        ),
    )


DEEPSEEK = (
    _deepseek_dialect(
        "deepseek-reasoning",
        "DeepSeek's dialect of a model that reasons: reasoning_content, which uses up small caps",
        deepseek_check,
    ),
    _deepseek_dialect(
        "deepseek-reasoning-required",
        "DeepSeek's dialect of a model that reasons, and wants the reasoning of each tool call back",
        deepseek_check,
        reasoning_left_out,
    ),
)


def qwen_tokens(body: Body) -> int:
    """The tokens of reasoning, unless thinking is disabled."""
    budget = body.get("thinking_budget")
    if body.get("enable_thinking") is False:
        return 0
    return min(budget, TOKENS) if isinstance(budget, int) and budget > 0 else TOKENS


QWEN = Mutation(
    name="qwen-reasoning",
    title="Qwen's dialect of a model that reasons: enable_thinking, and reasoning_content beside a null content",
    on_request=read_in_turn(
        chat_reasoning(qwen_tokens, "reasoning_content"),
        accepting(ignoring("enable_thinking", "thinking_budget"), "chat"),
        accepting(without_in_messages("reasoning_content"), "chat"),
    ),
    on_response=in_turn(
        each_chunk(with_fields(system_fingerprint=None)),
        on_whole(with_fields(system_fingerprint=None)),
        where_reasoning(each_delta(with_both_texts)),
    ),
)

VLLM_MESSAGE: Body = {"annotations": None, "audio": None, "function_call": None, "tool_calls": []}
VLLM_CHOICE: Body = {"stop_reason": None, "token_ids": None}
VLLM_FRAME: Body = {"service_tier": None, "prompt_logprobs": None, "kv_transfer_params": None}


def vllm_message(message: Body) -> Body:
    """A message as vLLM writes it: all fields, and null where only reasoning was generated."""
    return VLLM_MESSAGE | message | {"content": message["content"] or None}


def vllm_tokens(body: Body) -> int:
    """The tokens of reasoning, unless the chat template is told to leave it out."""
    is_off = member(body, "chat_template_kwargs", "enable_thinking") is False
    return 0 if is_off else by_effort(body.get("reasoning_effort"))


def _vllm(name: str, title: str, field: str) -> Mutation:
    counted: Edit = lambda usage: without_fields(*DETAILS)(usage) | {"prompt_tokens_details": None}  # noqa: E731
    return Mutation(
        name=name,
        title=title,
        on_request=read_in_turn(
            chat_reasoning(vllm_tokens, field),
            accepting(ignoring("chat_template_kwargs", "include_reasoning"), "chat"),
            accepting(without_in_messages("reasoning", "reasoning_content"), "chat"),
        ),
        on_response=in_turn(
            usage(counted),
            on_whole(with_fields(**VLLM_FRAME)),
            each_choice(with_fields(**VLLM_CHOICE)),
            each_message(vllm_message),
            each_delta(without_fields("refusal")),
        ),
    )


VLLM = (
    _vllm(
        "vllm-reasoning", "vLLM's dialect of a model that reasons: `reasoning`, and usage without details", "reasoning"
    ),
    _vllm(
        "vllm-reasoning-content",
        "vLLM's earlier dialect of a model that reasons: `reasoning_content`, and usage without details",
        "reasoning_content",
    ),
)
