"""Defects of gateways that translate between two APIs: in what the client gets."""

import json
from collections.abc import Callable
from typing import Any, Final

from conformance.testbed.gateway.defects.lanes import CHAT, MESSAGES, chat_lane, messages_lane
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    in_turn,
    on_stream,
    own_reply,
)
from conformance.testbed.gateway.translation.edits import each, on_events, on_wholes
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.lanes import translating
from conformance.testbed.gateway.translation.wire import Events, encoded, events_in
from conformance.testbed.gateway.variants.lanes import DROPPING
from conformance.testbed.server.reply import Event, encode_event


def answers(edit: Callable[[Body], Body]) -> Handler:
    """Edit whole replies, and every event."""
    return in_turn(on_wholes(edit), on_events(edit))


def member(name: str, edit: Callable[[Any], Any]) -> Callable[[Body], Body]:
    """Edit the members with a name, at any depth."""
    return each(lambda value: value | {name: edit(value[name])} if name in value else value)


async def _untranslated(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Translate the request, and pass the reply on as it is."""
    replies: list[GatewayReply] = []

    async def forwarded(translated: GatewayRequest) -> GatewayReply:
        replies.append(await forward(translated))
        return own_reply(500, {"error": {"message": "unused"}})

    answered = await CHAT(request, forwarded, state)
    return replies[0] if replies else answered


def _zero_index(value: Body) -> Body:
    """Every call of a chunk under index 0."""
    calls = value.get("tool_calls")
    return value | {"tool_calls": [call | {"index": 0} for call in calls]} if isinstance(calls, list) else value


def _without_index(value: Body) -> Body:
    calls = value.get("tool_calls")
    if not isinstance(calls, list):
        return value
    return value | {"tool_calls": [{n: v for n, v in call.items() if n != "index"} for call in calls]}


def _without_calls(value: Body) -> Body:
    return {name: item for name, item in value.items() if name != "tool_calls"}


def _without_first_text() -> Callable[[Body], Body]:
    """Leave out one word of the text, wherever it is."""
    return each(
        lambda value: {
            n: v.replace(" w3", "") if n in ("text", "content") and isinstance(v, str) else v for n, v in value.items()
        }
    )


def _as_finish(*reasons: str) -> Callable[[Any], Any]:
    return lambda reason: "stop" if reason in reasons else reason


def _completed(value: Body) -> Body:
    """A failed response as a completed one without output."""
    response = value.get("response", value)
    if response.get("status") != "failed":
        return value
    done = response | {"status": "completed", "error": None, "output": []}
    return {"type": "response.completed", "sequence_number": 99, "response": done} if "response" in value else done


def _estimated(value: Body) -> Body:
    """Usage of the gateway's own where the upstream has none."""
    ends = [c for c in value.get("choices") or () if c.get("finish_reason")]
    if not ends or value.get("usage"):
        return value
    return value | {"usage": {"prompt_tokens": 17, "completion_tokens": 55, "total_tokens": 72}}


def _twice_cached(usage: Any) -> Any:
    """Cached tokens twice: in input_tokens, as chat counts them, and as read from the cache."""
    cached = usage.get("cache_read_input_tokens") if isinstance(usage, dict) else None
    return usage | {"input_tokens": usage["input_tokens"] + cached} if cached else usage


def _uncounted(value: Body) -> Body:
    """An incomplete response without its usage."""
    return value | {"usage": None} if value.get("status") == "incomplete" else value


BUFFER: Final = 16 * 1024


async def _large_untranslated(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """Translate, but for events of more bytes than a buffer has, which pass as they are."""
    large: list[Event] = []

    async def small(events: Events) -> Events:
        async for event in events:
            if len(encode_event(event)) > BUFFER:
                large.append(event)
            else:
                yield event

    async def with_large(events: Events) -> Events:
        async for event in events:
            while large:
                yield large.pop(0)
            yield event

    return await in_turn(_on_events(with_large), CHAT, _on_events(small))(request, forward, state)


def _on_events(edit: Callable[[Events], Events]) -> Handler:
    return on_stream(lambda pieces: encoded(edit(events_in(pieces))))


async def _aborted(events: Events) -> Events:
    """Break off where the arguments of a call turn out not to be JSON."""
    arguments = ""
    async for event in events:
        arguments += event.data.get("delta", {}).get("partial_json", "")
        if event.name == "content_block_stop" and arguments:
            try:
                json.loads(arguments)
            except ValueError:
                raise ConnectionResetError("no JSON") from None
            arguments = ""
        yield event


def _of_openai(value: Body) -> Body:
    """An error of Messages as OpenAI writes it."""
    if value.get("type") != "error":
        return value
    return {"error": value["error"] | {"param": None, "code": None}}


def _without_refusal(value: Body) -> Body:
    return {name: item for name, item in value.items() if name != "refusal"}


def _without_other_name(value: Body) -> Body:
    return {name: item for name, item in value.items() if name != "reasoning"}


def _thoughtless(value: Body) -> Body:
    return {name: item for name, item in value.items() if name not in ("reasoning_content", "reasoning")}


def _filled(value: Body) -> Body:
    return value | {"content": ""} if value.get("tool_calls") and value.get("content") is None else value


DEFECTS = (
    messages_lane("lane-reply-untranslated", "Passes replies on in the upstream's API", "GW120", _untranslated),
    messages_lane(
        "lane-large-event-untranslated", "Passes large events on in the upstream's API", "GW120", _large_untranslated
    ),
    messages_lane(
        "lane-broken-arguments-abort",
        "Breaks off at arguments that are not JSON",
        "GW141",
        _on_events(_aborted),
        CHAT,
    ),
    messages_lane("lane-text-shortened", "Loses a word of the text", "GW131", CHAT, answers(_without_first_text())),
    messages_lane("lane-calls-lost", "Loses the tool calls of replies", "GW132", CHAT, answers(each(_without_calls))),
    chat_lane(
        "lane-calls-at-index-0", "Numbers all calls of a stream 0", "GW132", on_events(each(_zero_index)), MESSAGES
    ),
    chat_lane(
        "lane-calls-unnumbered",
        "Sends fragments of calls without index",
        "TOOL002",
        on_events(each(_without_index)),
        MESSAGES,
    ),
    messages_lane(
        "lane-length-is-stop",
        "Ends with end_turn what the cap or a filter ended",
        "GW133",
        CHAT,
        answers(member("finish_reason", _as_finish("length", "content_filter"))),
    ),
    chat_lane(
        "lane-calls-end-with-stop",
        "Ends with stop what calls ended",
        "GW133",
        answers(member("finish_reason", _as_finish("tool_calls"))),
        MESSAGES,
    ),
    GatewayChange(
        name="lane-failure-is-end-turn",
        title="Treats response.failed as an empty response",
        caught_by="GW134",
        apis=("messages",),
        policy=DROPPING,
        handle=in_turn(translating("responses"), answers(_completed)),
    ),
    messages_lane(
        "lane-cache-counted-twice",
        "Counts cached tokens twice",
        "GW135",
        answers(member("usage", _twice_cached)),
        CHAT,
    ),
    GatewayChange(
        name="lane-usage-of-incomplete-lost",
        title="Loses the usage of incomplete responses",
        caught_by="GW135",
        apis=("messages",),
        policy=DROPPING,
        handle=in_turn(translating("responses"), answers(each(_uncounted))),
    ),
    messages_lane(
        "lane-usage-estimated", "Estimates usage that the upstream does not send", "GW136", CHAT, answers(_estimated)
    ),
    messages_lane("lane-error-of-openai", "Writes errors as OpenAI does", "GW137", answers(_of_openai), CHAT),
    messages_lane(
        "lane-other-reasoning-lost",
        "Loses reasoning that is not named reasoning_content",
        "GW138",
        CHAT,
        answers(each(_without_other_name)),
    ),
    messages_lane("lane-reasoning-lost", "Loses reasoning", "GW138", CHAT, answers(each(_thoughtless))),
    messages_lane(
        "lane-incomplete-is-error",
        "Responds with 500 to what the cap or a filter ended",
        "GW141",
        CHAT,
        answers(member("finish_reason", lambda reason: None if reason == "content_filter" else reason)),
    ),
    messages_lane("lane-refusal-lost", "Loses refusals", "GW131", CHAT, answers(each(_without_refusal))),
    chat_lane("lane-null-filled", 'Writes content "" beside calls', "GW140", on_wholes(each(_filled)), MESSAGES),
)
