"""What a gateway may write into replies beside the upstream's words, and how else it may write these."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from conformance.model.target import GatewayPolicy
from conformance.parsing.json_values import as_object
from conformance.testbed.gateway.defects.replies import in_choices
from conformance.testbed.gateway.events import (
    Events,
    both,
    content,
    each_event,
    events,
    is_stream,
    on_whole,
    rewritten,
)
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Pieces,
    on_json,
    whole,
    with_body,
)
from conformance.testbed.gateway.json_edits import Body
from conformance.testbed.server.body import parse

SAFE: Final = {"hate": {"filtered": False, "severity": "safe"}}
ANNOTATED: Final = {"id": "", "object": "", "created": 0, "model": "", "choices": []}


def _spelt(value: Any) -> bytes:
    """JSON as PHP writes it, indented, and with white space around it, by which connections are kept alive."""
    text = json.dumps(value, sort_keys=True, indent=4).replace("/", "\\/")
    return b"\n\n  " + text.encode() + b"\r\n"


async def _written_anew(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Every JSON reply, errors included."""
    reply = await forward(request)
    if is_stream(reply):
        return reply
    raw = await whole(reply.body)
    value = parse(raw).value
    return with_body(reply, raw if value is None or reply.header("content-encoding") else _spelt(value))


async def _other_lines(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """Streams with other line ends, no space after colons, and the fields that clients of chat do not need."""
    reply = await forward(request)
    return rewritten(reply, _lines(events(content(reply)))) if is_stream(reply) else reply


async def _lines(found: Events) -> Pieces:
    first, at = b"retry:3000\r\n", 0
    async for event in found:
        at += 1
        data = b"".join(b"data:%b\r\n" % line for line in event.data.split(b"\n"))
        name = f"event:{event.name}\r\n".encode() if event.name else b""
        yield b"%bid:%d\r\n%b%b\r\n" % (first, at, name, data)
        first = b""


def _priced(value: Body) -> Body:
    """Members of the gateway's own, the price among them."""
    usage = value.get("usage")
    cost = {"usage": usage | {"cost": 0.00012, "is_byok": False}} if isinstance(usage, dict) else {}
    return value | cost | {"provider": "first", "extra_fields": {"latency_ms": 12}}


def _filtered(choice: Body) -> Body:
    return choice | {"content_filter_results": SAFE if choice.get("delta", choice.get("message")) else {}}


def _with_filters(value: Body) -> Iterator[Body]:
    """The results of a content filter, about the prompt in an event of their own before the first one."""
    if any("role" in (choice.get("delta") or {}) for choice in value.get("choices") or ()):
        yield ANNOTATED | {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]}
    yield from in_choices(_filtered)(value)


def _of_whole(value: Body) -> Body:
    choices = [_filtered(choice) for choice in value.get("choices") or ()]
    return value | {"choices": choices, "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]}


def _split(value: Body) -> Iterator[Body]:
    """A delta of text as two."""
    choices: Any = value.get("choices") or ()
    choice = as_object(choices[0]) if len(choices) == 1 else {}
    delta = as_object(choice.get("delta"))
    text = delta.get("content")
    if not isinstance(text, str) or not text or choice.get("logprobs") or choice.get("finish_reason"):
        yield value
        return
    half = len(text) // 2
    yield value | {"choices": [choice | {"delta": delta | {"content": text[:half]}}]}
    yield value | {"choices": [choice | {"delta": {"content": text[half:]}}]}


def _hashed(body: Body) -> Body:
    user = body.get("user")
    return body | {"user": sha256(user.encode()).hexdigest()} if isinstance(user, str) else body


VARIANTS = (
    GatewayChange(
        name="replies-written-anew",
        title="Writes replies anew: sorted members, escapes, and white space around",
        handle=_written_anew,
        apis=("messages",),
    ),
    GatewayChange(
        name="events-in-other-lines",
        title="Writes streams with CRLF, no spaces after colons, ids, and a retry time",
        handle=_other_lines,
        apis=("responses",),
    ),
    GatewayChange(
        name="price-added",
        title="Adds the price to the usage, and members of its own",
        handle=both(each_event(lambda chunk: [_priced(chunk)]), on_whole(_priced)),
    ),
    GatewayChange(
        name="filter-results-added",
        title="Adds the results of a content filter, with an event without choices",
        handle=both(each_event(_with_filters), on_whole(_of_whole)),
    ),
    GatewayChange(name="deltas-split", title="Sends each delta of text as two", handle=each_event(_split)),
    GatewayChange(
        name="user-hashed",
        title="Sends a hash in place of the user, as its policy says",
        policy=GatewayPolicy(changed=("user",)),
        handle=on_json(_hashed),
    ),
)
