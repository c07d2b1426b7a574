"""Conditions under which a rule on messages applies."""

from collections.abc import Iterator

from conformance.apis.messages import blocks, building
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, untestable
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import as_object, as_string, display, is_integer
from conformance.parsing.typed_events import Part, of_type, parts
from conformance.rules.typed_events import ended, typed, whole_answer

FITTING = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "input_json_delta": ("tool_use", "server_tool_use", "mcp_tool_use"),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
}
"""Block types that each known delta type applies to."""
KNOWN_BLOCKS = {block for blocks in FITTING.values() for block in blocks}
ELSEWHERE = (Kind.COUNT_TOKENS,)
"""Test cases sent to another route than /messages."""


def whole_message(x: Exchange) -> NotJudged | None:
    """A non-streaming response of the messages route is JSON, and not an error."""
    return OUT_OF_SCOPE if x.case.kind in ELSEWHERE else whole_answer(x)


def listed(x: Exchange) -> NotJudged | None:
    """A non-streaming message has a content list."""
    if skip := whole_message(x):
        return skip
    content = (json_body(x) or {}).get("content")
    return None if isinstance(content, list) else untestable("the response has no content list (see MSG001)")


def has_content(x: Exchange) -> NotJudged | None:
    """The response is a message, in either mode."""
    if x.mode == "unary":
        return listed(x)
    if skip := typed(x):
        return skip
    return None if of_type(x, "message_start") else untestable("the stream has no message_start event (see MSG003)")


def misfits(x: Exchange) -> Iterator[tuple[Part, str]]:
    """Deltas that do not match their block, each with the reason."""
    starts: dict[str, str] = {}
    for part in parts(x):
        index = display(part.value.get("index"))
        if part.type == "content_block_start":
            starts[index] = as_string(as_object(part.value.get("content_block")).get("type"))
        elif part.type == "content_block_delta":
            kind, block = as_string(as_object(part.value.get("delta")).get("type")), starts.get(index, "")
            if not kind:
                yield part, f"a delta of content block {index} has no type"
            elif kind in FITTING and block in KNOWN_BLOCKS and block not in FITTING[kind]:
                yield part, f"content block {index} has type {block}, but its delta has type {kind}"


def has_indexed_blocks(x: Exchange) -> NotJudged | None:
    """A message whose blocks can be distinguished, with all of their deltas (otherwise MSG004 reports it)."""
    if skip := has_content(x):
        return skip
    for part in building(x):
        if part.type.startswith("content_block_") and not is_integer(part.value.get("index")):
            return untestable("a content block has no index (see MSG004)")
    started = [part.value.get("index") for part in of_type(x, "content_block_start")]
    if len(set(started)) < len(started):
        return untestable("two content blocks share an index (see MSG004)")
    added = sum(part.type == "content_block_delta" for part in building(x))
    kept = sum(len(block.events) - 1 - block.stopped for block in blocks(x) if block.events)
    if added > kept:
        return untestable("a delta belongs to no content block (see MSG004)")
    misfit = any(True for _ in misfits(x))
    return untestable("a delta does not match its content block (see MSG007)") if misfit else None


def finished(x: Exchange) -> NotJudged | None:
    """The message is complete, and its blocks can be distinguished."""
    return (ended(x) if x.mode == "stream" else None) or has_indexed_blocks(x)
