"""When a rule on messages applies."""

from collections.abc import Iterator

from conformance.apis.messages import blocks, building
from conformance.model.exchange import Exchange
from conformance.model.verdict import ANOTHER_QUESTION, Skip, untestable
from conformance.parsing.json_body import whole_object
from conformance.parsing.json_values import is_integer, mapping, shown, string
from conformance.parsing.typed_events import Part, of, parts
from conformance.rules.typed_events import ended, typed, whole_answer

FITTING = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "input_json_delta": ("tool_use", "server_tool_use", "mcp_tool_use"),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
}
"""The blocks that each known kind of delta adds to."""
KNOWN_BLOCKS = {block for blocks in FITTING.values() for block in blocks}
ELSEWHERE = ("count",)
"""Questions to another route than that of messages."""


def whole_message(x: Exchange) -> Skip | None:
    """One whole answer was asked for on the route of messages, and JSON came that is no error."""
    return ANOTHER_QUESTION if x.question.topic in ELSEWHERE else whole_answer(x)


def listed(x: Exchange) -> Skip | None:
    """A whole message came with a list of content."""
    if skip := whole_message(x):
        return skip
    content = (whole_object(x) or {}).get("content")
    return None if isinstance(content, list) else untestable("the answer has no list of content (MSG001 tells of that)")


def spoken(x: Exchange) -> Skip | None:
    """A message came, in either mode."""
    if x.mode == "unary":
        return listed(x)
    if skip := typed(x):
        return skip
    return None if of(x, "message_start") else untestable("no event starts the message (MSG003 tells of that)")


def misfits(x: Exchange) -> Iterator[tuple[Part, str]]:
    """The deltas that their blocks can't take, each with what is wrong."""
    starts: dict[str, str] = {}
    for part in parts(x):
        index = shown(part.value.get("index"))
        if part.type == "content_block_start":
            starts[index] = string(mapping(part.value.get("content_block")).get("type"))
        elif part.type == "content_block_delta":
            kind, block = string(mapping(part.value.get("delta")).get("type")), starts.get(index, "")
            if not kind:
                yield part, f"a delta of block {index} does not say its type"
            elif kind in FITTING and block in KNOWN_BLOCKS and block not in FITTING[kind]:
                yield part, f"a {kind} came for block {index}, which is {block}"


def numbered(x: Exchange) -> Skip | None:
    """A message came whose blocks can be told apart, with all that was added to them (or else MSG004 tells of it)."""
    if skip := spoken(x):
        return skip
    for part in building(x):
        if part.type.startswith("content_block_") and not is_integer(part.value.get("index")):
            return untestable("a block has no index")
    started = [part.value.get("index") for part in of(x, "content_block_start")]
    if len(set(started)) < len(started):
        return untestable("two blocks share an index")
    added = sum(part.type == "content_block_delta" for part in building(x))
    kept = sum(len(block.events) - 1 - block.stopped for block in blocks(x) if block.events)
    if added > kept:
        return untestable("a delta belongs to no block")
    misfit = any(True for _ in misfits(x))
    return untestable("a delta does not fit its block (MSG007 tells of that)") if misfit else None


def finished(x: Exchange) -> Skip | None:
    """A message came to its end, and its blocks can be told apart."""
    return (ended(x) if x.mode == "stream" else None) or numbered(x)
