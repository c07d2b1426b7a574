"""Legal variants: Anthropic's own dialects, with and without thinking.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking,
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import each, is_stream
from conformance.testbed.mutations.mutate_chat import in_turn, with_fields
from conformance.testbed.mutations.mutate_dialects import (
    Body,
    accepting,
    all_of,
    member,
    read_in_turn,
    reasoning,
    refused,
    refusing,
    without_fields,
)
from conformance.testbed.mutations.mutate_messages import (
    Events,
    each_block,
    each_end,
    each_head,
    is_call,
    on_events,
    within,
)
from conformance.testbed.server.chat import text_of
from conformance.testbed.server.messages import MOST_THINKING, TOKENS_OF_BUDGET
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, Reasoning, ServerRequest, WireResponse
from conformance.testbed.server.seal import unseal

LEAST_TOP_P = 0.95
REDACTED = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"
"""How a documented test prompt begins that gets redacted thinking."""
LONGEST_PADDING = 16
CALLER: Body = {"caller": {"type": "direct"}}
USAGE: Body = {
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "service_tier": "standard",
    "inference_geo": "global",
}
COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
"""What message_delta repeats of message_start's usage."""


def counted_again(events: Events) -> Iterator[Event]:
    """The usage of message_delta has the input's tokens, too."""
    first = events[0].data.get("message", {}).get("usage", {})
    again = {name: first[name] for name in COUNTED if name in first}
    for event in events:
        usage = {"usage": again | event.data["usage"]} if event.name == "message_delta" else {}
        yield replace(event, data=event.data | usage)


def padded(raw: bytes) -> bytes:
    """Spaces before the last brace of an event, so that lengths tell nothing."""
    head, brace, tail = raw.rpartition(b"}")
    return head + b" " * (hashlib.sha256(raw).digest()[0] % LONGEST_PADDING) + brace + tail


def padded_streams(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Padding in the streams of Messages."""
    return each(padded)(reply) if is_stream(reply) and request.api == "messages" else reply


SHAPES = in_turn(
    each_head(within("usage", with_fields(**USAGE))),
    on_events(counted_again),
    each_head(with_fields(stop_details=None)),
    each_end(with_fields(stop_details=None)),
    each_block(with_fields(**CALLER), is_call),
)


def needs_its_own_header(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A key in any header but x-api-key is rejected."""
    carried = {name for name, _ in request.headers}
    if request.api != "messages" or "x-api-key" in carried:
        return response
    message = "Invalid bearer token" if "authorization" in carried else "x-api-key header is required"
    return refused(response, request, Refusal(status=401, message=message))


def budgeted(request: ServerRequest, body: Body) -> Reasoning:
    """Thinking within the requested budget."""
    budget = member(body, "thinking", "budget_tokens")
    is_on = request.api == "messages" and member(body, "thinking", "type") == "enabled" and isinstance(budget, int)
    if not is_on:
        return Reasoning()
    return Reasoning(
        tokens=min(budget // TOKENS_OF_BUDGET, MOST_THINKING),
        is_text=member(body, "thinking", "display") != "omitted",
        is_redacted=_is_redacted(body),
    )


def _is_redacted(body: Body) -> bool:
    messages = body.get("messages")
    contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    texts = [contents[-1]] if contents and isinstance(contents[-1], str | list) else []
    return any(REDACTED in (content if isinstance(content, str) else _last_text(content)) for content in texts)


def _last_text(content: list[object]) -> str:
    return str(text_of([part for part in content if isinstance(part, dict)]))


def besides_thinking(body: Body) -> Iterator[Refusal]:
    """What cannot be requested together with thinking."""
    if member(body, "thinking", "type") != "enabled":
        return
    if body.get("temperature") not in (None, 1):
        yield _wrong("temperature", "`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_p") is not None and body["top_p"] < LEAST_TOP_P:
        wanted = f"must be greater than or equal to {LEAST_TOP_P} or unset"
        yield _wrong("top_p", f"`top_p` {wanted} when thinking is enabled.")
    if body.get("top_k") is not None:
        yield _wrong("top_k", "`top_k` must be unset when thinking is enabled.")
    if member(body, "tool_choice", "type") in ("any", "tool"):
        yield _wrong("tool_choice", "Thinking may not be enabled when tool_choice forces tool use.")
    yield from _call_without_thought(body["messages"])


def _call_without_thought(messages: list[Body]) -> Iterator[Refusal]:
    """The call that is being answered begins with the thinking that led to it."""
    at = max((n for n, message in enumerate(messages) if message["role"] == "assistant"), default=-1)
    blocks = messages[at].get("content") if at >= 0 else None
    calls = [b for b in blocks if b["type"] == "tool_use"] if isinstance(blocks, list) else []
    if calls and isinstance(blocks, list) and blocks[0]["type"] not in ("thinking", "redacted_thinking"):
        place, found = f"messages.{at}.content.0.type", blocks[0]["type"]
        yield _wrong(place, f"{place}: Expected `thinking` or `redacted_thinking`, but found `{found}`.")


def broken_thoughts(body: Body) -> Iterator[Refusal]:
    """Thinking that was changed on the way back."""
    for at, message in enumerate(body["messages"]):
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            place = f"messages.{at}.content.{index}"
            if block["type"] == "thinking" and not _is_signed(block):
                yield _wrong(place, f"{place}: Invalid `signature` in `thinking` block")
            if block["type"] == "redacted_thinking" and unseal(block["data"]) is None:
                yield _wrong(place, f"{place}: Invalid `data` in `redacted_thinking` block")


def _is_signed(block: Body) -> bool:
    """Whether the signature is of this text; text that was never shown may stay away."""
    text = unseal(block["signature"])
    return text is not None and block["thinking"] in ("", text)


def _wrong(param: str, message: str) -> Refusal:
    return Refusal(message=message, param=param, code="invalid_value")


ADAPTIVE_EFFORT = {"low": 8, "medium": 16, "high": 24, "max": 48}
"""Tokens of thinking for each effort that the model supports; `high` is usual."""
SAMPLING = ("temperature", "top_p", "top_k")


def adapted(request: ServerRequest, body: Body) -> Reasoning:
    """Thinking where it is allowed and no tool is forced; its text is shown on request."""
    is_on = request.api == "messages" and member(body, "thinking", "type") == "adaptive"
    if not is_on or member(body, "tool_choice", "type") in ("any", "tool"):
        return Reasoning()
    effort = member(body, "output_config", "effort")
    usual = ADAPTIVE_EFFORT["high"]
    return Reasoning(
        tokens=ADAPTIVE_EFFORT.get(effort, usual) if isinstance(effort, str) else usual,
        is_text=member(body, "thinking", "display") == "summarized",
        is_redacted=_is_redacted(body),
    )


def never_thinking(body: Body) -> Iterator[Refusal]:
    """A model that cannot think has no budget for it."""
    if member(body, "thinking", "type") == "enabled":
        yield _wrong("thinking", "`thinking` is not supported by this model.")


def without_known_effort(body: Body) -> Body:
    """The body without an output_config of nothing but an effort."""
    config = body.get("output_config")
    is_known = isinstance(config, dict) and set(config) == {"effort"} and isinstance(config["effort"], str)
    return without_fields("output_config")(body) if is_known else body


def never_budgeted(body: Body) -> Iterator[Refusal]:
    """What a model refuses that decides itself how much it thinks."""
    if member(body, "thinking", "type") == "enabled":
        instead = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        yield _wrong("thinking", f'"thinking.type.enabled" is not supported for this model. {instead}')
    for name in SAMPLING:
        if body.get(name) not in (None, 1):
            yield _wrong(name, f"`{name}` is deprecated for this model.")
    effort = member(body, "output_config", "effort")
    if effort is not None and effort not in ADAPTIVE_EFFORT:
        levels = ", ".join(sorted(ADAPTIVE_EFFORT))
        message = f"This model does not support effort level '{effort}'. Supported levels: {levels}."
        yield _wrong("output_config.effort", message)


ANTHROPIC = (
    Mutation(
        name="anthropic-classic",
        title="Anthropic's dialect without thinking: the key is accepted in x-api-key only",
        on_response=in_turn(SHAPES, needs_its_own_header, refusing({"messages": never_thinking})),
        on_wire=padded_streams,
    ),
    Mutation(
        name="anthropic-thinking",
        title="Anthropic's dialect with a thinking budget: signed thinking, which is sent back unchanged",
        on_request=reasoning(budgeted),
        on_response=in_turn(SHAPES, refusing({"messages": all_of(besides_thinking, broken_thoughts)})),
        on_wire=padded_streams,
    ),
    Mutation(
        name="anthropic-adaptive",
        title="Anthropic's dialect of a model that decides itself how much it thinks, and is not sampled",
        on_request=read_in_turn(reasoning(adapted), accepting(without_known_effort, "messages")),
        on_response=in_turn(SHAPES, refusing({"messages": all_of(never_budgeted, broken_thoughts)})),
        on_wire=padded_streams,
    ),
)
