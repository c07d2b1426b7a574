"""Defects in what a gateway makes of a conversation."""

import itertools
import json
import random
from dataclasses import replace
from typing import Final

from conformance.apis.nonce import marker
from conformance.model.target import GatewayPolicy
from conformance.model.words import CONVERSATIONAL
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    on_json,
)
from conformance.testbed.gateway.json_edits import (
    Body,
    each_item,
    each_message,
    each_object,
    each_part,
    each_text,
    of_each_object,
    without,
)
from conformance.testbed.server.reply import to_json

MEDIA: Final = ("image_url", "input_audio", "file", "image", "document", "input_image", "input_file")
CACHING: Final = ("cache_control", "prompt_cache_key", "prompt_cache_retention")
SLOGAN: Final = "You are the assistant of ACME. "


def _without_system(message: Body) -> Body | None:
    return None if message.get("role") in ("system", "developer") else message


def _without_calls(message: Body) -> Body | None:
    """Messages of a model of messages that has texts only."""
    if message.get("type") in ("function_call", "function_call_output"):
        return None
    return without("tool_calls")(message)


def _decorated(body: Body) -> Body:
    if "messages" not in body:
        return body | {"instructions": SLOGAN + str(body.get("instructions") or "")}
    first, *rest = body["messages"]
    is_text = isinstance(first.get("content"), str)
    return body | {"messages": [first | ({"content": SLOGAN + first["content"]} if is_text else {}), *rest]}


async def _piled_up(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """The last messages of other conversations stand before those of each."""
    body, own = request.json, marker(request.body)
    if not own or not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return await forward(request)
    earlier: dict[str, Body] = state.memory.setdefault("messages", {})
    piled = [message for nonce, message in earlier.items() if nonce != own.nonce][-2:]
    earlier[own.nonce] = next(message for message in reversed(body["messages"]) if own.nonce in str(message))
    return await forward(replace(request, body=to_json(body | {"messages": [*piled, *body["messages"]]})))


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\u00a0", " ").splitlines()).strip()


@of_each_object
def _with_trimmed_texts(value: Body) -> Body:
    """Texts of people and tools, not those of reasoning."""
    is_reasoning = str(value.get("type")).startswith(("reasoning", "summary"))
    names = () if is_reasoning else ("content", "text", "output", "arguments", "instructions")
    return {name: _trimmed(item) if name in names and isinstance(item, str) else item for name, item in value.items()}


def _first_type_only(tool: Body) -> Body | None:
    return tool if tool.get("type") in (None, "function") else None


def _without_media(part: Body) -> Body | None:
    return None if isinstance(part, dict) and part.get("type") in MEDIA else part


def _whole_message_lost(message: Body) -> Body | None:
    """A message with audio or a file is dropped as a whole, its text included."""
    parts = message.get("content")
    has_media = isinstance(parts, list) and any(
        part.get("type") in ("input_audio", "file", "document") for part in parts
    )
    return None if has_media else message


def _unpadded(part: Body) -> Body:
    """Base64 without its padding, as another decoder writes it."""
    return each_text(lambda text: text.rstrip("="), "url", "data", "image_url", "file_data")(part)


_without_markers = of_each_object(without(*CACHING))


def _cached_automatically(body: Body) -> Body:
    """All markers are replaced by one for the whole request."""
    return _without_markers(body) | {"cache_control": {"type": "ephemeral"}}


def _without_thoughts(part: Body) -> Body | None:
    return None if isinstance(part, dict) and part.get("type") in ("thinking", "redacted_thinking") else part


def _without_extensions(message: Body) -> Body:
    dropped = each_object(message, without("extra_content", "reasoning_content", "reasoning_details"))
    return dict(dropped)


def _rewritten_thoughts(body: Body) -> Body:
    names = ("thinking", "signature", "encrypted_content", "reasoning_content")
    return each_text(lambda text: text.strip().replace("\u2009", " "), *names)(body)


def _without_reasoning(item: Body) -> Body | None:
    return None if item.get("type") == "reasoning" else item


async def _shuffled(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """The members of schemas are in another order each time."""
    counter = state.memory.setdefault("orders", itertools.count())
    order = random.Random(next(counter))  # noqa: S311 - no secret

    def mixed(value: Body) -> Body:
        names = list(value)
        order.shuffle(names)
        return {name: value[name] for name in names}

    body = request.json
    if not isinstance(body, dict) or "tools" not in body:
        return await forward(request)
    return await forward(replace(request, body=to_json(body | {"tools": each_object(body["tools"], mixed)})))


async def _stamped(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    """The first message has the number of the request."""
    number = next(state.memory.setdefault("requests", itertools.count()))
    body = request.json
    if not isinstance(body, dict) or len(body.get("messages", ())) < 2:
        return await forward(request)
    first = body["messages"][0]
    noted = {"content": f"{first['content']}\n[{number}]"} if isinstance(first.get("content"), str) else {}
    return await forward(replace(request, body=to_json(body | {"messages": [first | noted, *body["messages"][1:]]})))


def _sorted_tools(body: Body) -> Body:
    return body | ({"tools": json.loads(json.dumps(body["tools"], sort_keys=True))} if "tools" in body else {})


DEFECTS = (
    GatewayChange(
        name="system-message-lost",
        title="Drops messages of the system and the developer",
        caught_by="GW010",
        apis=("chat", "responses"),
        handle=on_json(each_message(_without_system)),
    ),
    GatewayChange(
        name="calls-lost",
        title="Drops the calls of the history, and keeps the texts",
        caught_by="GW010",
        apis=("chat", "responses"),
        handle=on_json(each_message(_without_calls)),
    ),
    GatewayChange(
        name="prompt-decorated",
        title="Adds its own text to prompts, though the policy does not say so",
        caught_by="GW011",
        apis=CONVERSATIONAL,
        handle=on_json(_decorated),
    ),
    GatewayChange(
        name="prompts-pile-up",
        title="Messages of earlier requests stand before those of each",
        caught_by="GW107",
        handle=_piled_up,
    ),
    GatewayChange(
        name="texts-trimmed",
        title="Trims texts, and replaces unusual spaces",
        caught_by="GW013",
        apis=CONVERSATIONAL,
        handle=on_json(_with_trimmed_texts),
    ),
    GatewayChange(
        name="tool-types-lost",
        title="Drops tools of other types than function",
        caught_by="GW014",
        apis=CONVERSATIONAL,
        handle=on_json(each_item("tools", _first_type_only)),
    ),
    GatewayChange(
        name="images-lost",
        title="Drops images, audio and files, and keeps the texts",
        caught_by="GW015",
        apis=CONVERSATIONAL,
        handle=on_json(each_part(_without_media)),
    ),
    GatewayChange(
        name="media-rewritten",
        title="Writes Base64 anew, without its padding",
        caught_by="GW015",
        apis=CONVERSATIONAL,
        handle=on_json(each_part(_unpadded)),
    ),
    GatewayChange(
        name="media-message-lost",
        title="Drops a message with audio or a file, its text included",
        caught_by="GW010",
        apis=("chat", "messages"),
        handle=on_json(each_message(_whole_message_lost)),
    ),
    GatewayChange(
        name="cache-markers-lost",
        title="Drops cache_control and the like at every place",
        caught_by="GW016",
        apis=CONVERSATIONAL,
        handle=on_json(_without_markers),
    ),
    GatewayChange(
        name="cache-markers-replaced",
        title="Replaces all cache markers by one of its own",
        caught_by="GW016",
        apis=("messages",),
        handle=on_json(_cached_automatically),
    ),
    GatewayChange(
        name="cache-key-replaced",
        title="Sends one cache key for all clients",
        caught_by="GW016",
        apis=("chat", "responses"),
        handle=on_json(lambda body: body | ({"prompt_cache_key": "gateway"} if "prompt_cache_key" in body else {})),
    ),
    GatewayChange(
        name="thinking-lost",
        title="Drops thinking blocks and reasoning items of the history",
        caught_by="GW017",
        apis=("messages", "responses"),
        handle=on_json(lambda body: each_message(_without_reasoning)(each_part(_without_thoughts)(body))),
    ),
    GatewayChange(
        name="thinking-rewritten",
        title="Writes thinking blocks anew, so that their signatures do not fit",
        caught_by="GW017",
        apis=CONVERSATIONAL,
        handle=on_json(_rewritten_thoughts),
    ),
    GatewayChange(
        name="thought-signatures-lost",
        title="Drops reasoning and thought signatures of vendors from calls and turns of Chat Completions",
        caught_by="GW017",
        handle=on_json(each_message(_without_extensions)),
    ),
    GatewayChange(
        name="tools-in-random-order",
        title="Writes the members of tools in another order each time",
        caught_by="GW018",
        apis=CONVERSATIONAL,
        handle=_shuffled,
    ),
    GatewayChange(
        name="prompt-stamped",
        title="Adds the number of the request to the prompt, of which the policy knows",
        caught_by="GW018",
        policy=GatewayPolicy(prompt=True),
        handle=_stamped,
    ),
    GatewayChange(
        name="schemas-sorted",
        title="Sorts the members of schemas",
        caught_by="GW019",
        apis=CONVERSATIONAL,
        handle=on_json(_sorted_tools),
    ),
)
