"""The next turn of a conversation: the target's own response, its reasoning included, is sent back unchanged."""

from conformance.apis.errors import error_response
from conformance.apis.messages import Block, blocks
from conformance.apis.request import request_body
from conformance.apis.responses import output, response_states
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_string

ASSEMBLED = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",), "text": ("text",)}
"""The fields of each type of block that deltas add to."""
LONGEST_ID = 200
"""Characters of an id that is sent back in a path; those of real servers have about 60."""
THANKS: Object = {"role": "user", "content": "Thank you. Say hello."}


def next_turn(x: Exchange) -> Object | None:
    """The body of the next request, as a client sends it; None if the response has no reasoning to send back."""
    if reply(x).status != 200 or not reply(x).complete or error_response(x):
        return None
    return _after_message(x) if x.api == "messages" else _after_response(x) if x.api == "responses" else None


def stored_id(x: Exchange) -> str:
    """The id of a response that reports that it is stored, or empty."""
    last = response_states(x)[-1] if reply(x).status == 200 and response_states(x) else {}
    name = as_string(last.get("id")) if last.get("store") is True else ""
    return name if name.isascii() and name.isprintable() and len(name) <= LONGEST_ID else ""


def _after_message(x: Exchange) -> Object | None:
    body, found = request_body(x), blocks(x)
    thoughts = [block for block in found if block.type in ("thinking", "redacted_thinking")]
    said, rest = body.get("messages"), {block.type for block in found} - {"thinking", "redacted_thinking"}
    if not thoughts or rest != {"text"} or not isinstance(said, list):
        return None
    content = [_joined(block) for block in found]
    return body | {"messages": [*said, {"role": "assistant", "content": content}, THANKS]}


def _joined(block: Block) -> Object:
    """A block as the SDKs assemble it from the deltas that match its type."""
    return block.start | {name: block.all_of(name) for name in block.added if name in ASSEMBLED[block.type]}


def _after_response(x: Exchange) -> Object | None:
    body, states = request_body(x), response_states(x)
    items = output(states[-1]) if states else []
    kinds, said = [item.get("type") for item in items], body.get("input")
    if "reasoning" not in kinds or kinds[-1] != "message" or not isinstance(said, str | list):
        return None
    asked = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return body | {"input": [*asked, *items, THANKS]}
