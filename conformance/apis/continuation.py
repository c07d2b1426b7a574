"""The next turn of a conversation: the target's own response, its reasoning included, is sent back unchanged."""

import json
from typing import Any

from conformance.apis.errors import body, error_response
from conformance.apis.messages import Block, blocks
from conformance.apis.request import request_body
from conformance.apis.responses import output, response_states
from conformance.model.exchange import Exchange
from conformance.model.probe import RawRequest
from conformance.model.turn import usable_id
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_object

ASSEMBLED = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",), "text": ("text",)}
"""The fields of each type of block that deltas add to."""
THANKS: Object = {"role": "user", "content": "Thank you. Say hello."}
RUNNING = ("queued", "in_progress")
"""The statuses of a response that is not finished."""
UNSTORED = "unstored"
"""The subject of a request for a response that was not to be stored."""
NEXT_CAP = 16
"""The smallest cap that Responses allows."""


def next_turn(x: Exchange) -> Object | None:
    """The body of the next request, as a client sends it; None if the response has no reasoning to send back."""
    if reply(x).status != 200 or not reply(x).complete or error_response(x):
        return None
    return _after_message(x) if x.api == "messages" else _after_response(x) if x.api == "responses" else None


def stored_id(x: Exchange) -> str:
    """The id of a response that reports that it is stored, or empty."""
    last = _last_state(x)
    return usable_id(last.get("id")) if last.get("store") is True else ""


def unstored_id(x: Exchange) -> str:
    """The id of a response that was not to be stored, or empty; also if it reports that it is stored all the same."""
    last = _last_state(x)
    is_unstored = request_body(x).get("store") is False and last.get("store") is not True
    return usable_id(last.get("id")) if is_unstored else ""


def running_id(x: Exchange) -> str:
    """The id of a response that goes on after the request that started it, or empty."""
    last = _last_state(x)
    return usable_id(last.get("id")) if last.get("status") in RUNNING else ""


def continued(x: Exchange) -> Object | None:
    """The body of the next turn after a stored response: its id, and a new message."""
    name = stored_id(x)
    return request_body(x) | {"previous_response_id": name, "input": THANKS["content"]} if name else None


def after_compaction(x: Exchange) -> RawRequest | None:
    """The next turn after a compaction: its output as it was received, and a new message."""
    found = compacted(x)
    if not found:
        return None
    turn = {"model": request_body(x).get("model"), "input": [*found, THANKS], "max_output_tokens": NEXT_CAP}
    try:
        return RawRequest(body=json.dumps(turn, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:  # a lone surrogate, which no client can send back
        return None


def compacted(x: Exchange) -> list[Any]:
    """The output of a compaction; empty if there is none."""
    made = as_object(body(x))
    found = made.get("output") if made.get("object") == "response.compaction" else None
    return found if reply(x).status == 200 and isinstance(found, list) else []


def _last_state(x: Exchange) -> Object:
    return response_states(x)[-1] if reply(x).status == 200 and response_states(x) else {}


def _after_message(x: Exchange) -> Object | None:
    sent, found = request_body(x), blocks(x)
    thoughts = [block for block in found if block.type in ("thinking", "redacted_thinking")]
    history, rest = sent.get("messages"), {block.type for block in found} - {"thinking", "redacted_thinking"}
    if not thoughts or rest != {"text"} or not isinstance(history, list):
        return None
    content = [_joined(block) for block in found]
    return sent | {"messages": [*history, {"role": "assistant", "content": content}, THANKS]}


def _joined(block: Block) -> Object:
    """A block as the SDKs assemble it from the deltas that match its type."""
    return block.start | {name: block.all_of(name) for name in block.added if name in ASSEMBLED[block.type]}


def _after_response(x: Exchange) -> Object | None:
    sent, states = request_body(x), response_states(x)
    items = output(states[-1]) if states else []
    kinds, prompt = [item.get("type") for item in items], sent.get("input")
    if "reasoning" not in kinds or kinds[-1] != "message" or not isinstance(prompt, str | list):
        return None
    history = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return sent | {"input": [*history, *items, THANKS]}
