"""Defects in the tool calls of the Messages API: their shape, their choice, and their history."""

from collections.abc import Iterator

from conformance.testbed.mutations.mutate_chat import defect, in_turn, with_fields, without_fields
from conformance.testbed.mutations.mutate_messages import (
    MESSAGES,
    Body,
    Events,
    each_block,
    each_end,
    each_of,
    is_call,
    on_events,
    on_message,
    regrouped,
    within,
)
from conformance.testbed.mutations.mutate_requests import Where, dropping, rewriting, sent, streaming
from conformance.testbed.server.model import as_json
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnRequest, OnResponse, ServerRequest


def choosing(kind: str) -> Where:
    """tool_choice has this type."""
    return lambda request: isinstance(wanted := request.json.get("tool_choice"), dict) and wanted.get("type") == kind


def freely(body: Body) -> Body:
    """Read any tool_choice as a plain `auto`."""
    return body | {"tool_choice": {"type": "auto"}}


def in_parallel(body: Body) -> Body:
    """Read tool_choice without `disable_parallel_tool_use`."""
    return body | {"tool_choice": {n: v for n, v in body["tool_choice"].items() if n != "disable_parallel_tool_use"}}


def forced(body: Body) -> Body:
    """Read `none` as `any`."""
    return body | {"tool_choice": {"type": "any"}}


def without_calls(events: Events) -> Iterator[Event]:
    """The tool_use blocks are lost."""
    lost: set[int] = set()
    for event in events:
        index = event.data.get("index")
        if event.name == "content_block_start" and is_call(event.data["content_block"]):
            lost.add(index)
        if index not in lost:
            yield event


def uncalled(message: Body) -> Body:
    """A message without its tool_use blocks."""
    return message | {"content": [block for block in message["content"] if not is_call(block)]}


def as_text(message: Body) -> Body:
    """Tool calls as text, in the model's template format."""
    texts = [
        f'<tool_call>\n{{"name": "{b["name"]}", "arguments": {as_json(b["input"])}}}\n</tool_call>'
        for b in message["content"]
        if is_call(b)
    ]
    if not texts:
        return message
    return message | {"content": [{"type": "text", "text": "".join(texts)}], "stop_reason": "end_turn"}


def damaged(pieces: list[str]) -> list[str]:
    """Non-ASCII characters are replaced, as if decoded byte by byte."""
    return ["".join(letter if letter.isascii() else "\ufffd" for letter in piece) for piece in pieces]


def with_other_input(call: Body) -> Body:
    """A call whose input has a field that its schema forbids."""
    return call | {"input": call["input"] | {"mood": "cheerful"}}


def results_refused(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A tool_result without content is rejected, though the API documents it."""
    parts = [part for message in sent(request).get("messages", ()) for part in _parts(message)]
    if request.api != "messages" or response.status >= 400:
        return response
    if all("content" in part for part in parts if part.get("type") == "tool_result"):
        return response
    return refuse(Refusal(message="messages: content is required in a tool_result.", param="messages"), request)


def _parts(message: Body) -> list[Body]:
    content = message.get("content") if isinstance(message, dict) else None
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def untold(body: Body) -> Body:
    """Read the conversation without its tool results."""
    kept = [message for message in body["messages"] if not any(p["type"] == "tool_result" for p in _parts(message))]
    calls = ("tool_use",)
    return body | {"messages": [m for m in kept if not any(p["type"] in calls for p in _parts(m))] or body["messages"]}


def calls(name: str, title: str, caught_by: str, edit: OnResponse) -> Mutation:
    """A defect in the shape of tool calls."""
    return defect(name, title, caught_by, edit)


def read(name: str, title: str, caught_by: str, ask: OnRequest) -> Mutation:
    """A defect in how tool_choice is read."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_request=ask)


SHAPES = (
    defect("tool-use-without-id", "tool_use blocks have no id", "MSG015", each_block(without_fields("id"), is_call)),
    defect(
        "tool-use-without-name", "tool_use blocks have no name", "MSG015", each_block(with_fields(name=None), is_call)
    ),
    defect(
        "tool-use-input-as-text",
        "The input of a non-streaming tool_use block is a JSON string",
        "MSG015",
        on_message(
            lambda m: m | {"content": [b | {"input": as_json(b["input"])} if is_call(b) else b for b in m["content"]]}
        ),
    ),
    defect(
        "tool-input-cut",
        "The last delta of a tool_use input is lost",
        "MSG016",
        regrouped(lambda pieces: pieces[:-1], "partial_json"),
    ),
    defect(
        "tool-input-again",
        "The complete tool_use input is sent again after its deltas",
        "MSG016",
        regrouped(lambda pieces: [*pieces, "".join(pieces)], "partial_json"),
    ),
    defect(
        "tool-input-so-far",
        "input_json_delta is cumulative: each repeats all earlier input",
        "MSG016",
        regrouped(lambda pieces: ["".join(pieces[: n + 1]) for n in range(len(pieces))], "partial_json"),
    ),
    defect(
        "tool-use-ends-turn",
        "A message with tool_use has stop_reason end_turn",
        "MSG017",
        each_end(
            lambda ended: ended | {"stop_reason": "end_turn"} if ended.get("stop_reason") == "tool_use" else ended
        ),
    ),
    defect(
        "tool-use-lost",
        "tool_use blocks are missing, though stop_reason is tool_use",
        "MSG018",
        in_turn(on_events(without_calls), on_message(uncalled)),
    ),
    defect("tool-use-as-text", "A non-streaming tool call is sent as text", "TOOL024", on_message(as_text)),
    defect(
        "tool-use-renamed",
        "tool_use blocks name tools that the request does not offer",
        "TOOL023",
        each_block(lambda block: block | {"name": f"functions.{block['name']}"}, is_call),
    ),
    defect(
        "tool-input-beyond-schema",
        "Non-streaming tool_use inputs have a field that the schema forbids",
        "TOOL025",
        on_message(lambda m: m | {"content": [with_other_input(b) if is_call(b) else b for b in m["content"]]}),
    ),
    defect(
        "tool-input-damaged",
        "Non-ASCII characters of a streamed tool_use input are replaced",
        "TOOL026",
        regrouped(damaged, "partial_json"),
    ),
)
CHOICES = (
    read(
        "tool-choice-any-unread",
        "`tool_choice: any` is silently ignored",
        "FLD012",
        dropping("tools", "tool_choice", where=choosing("any"), apis=MESSAGES),
    ),
    read(
        "tool-choice-tool-unread",
        "`tool_choice: tool` is silently ignored",
        "TOOL021",
        rewriting(freely, choosing("tool"), MESSAGES),
    ),
    read(
        "tool-choice-none-unread",
        "`tool_choice: none` is silently ignored",
        "TOOL020",
        rewriting(forced, choosing("none"), MESSAGES),
    ),
    read(
        "one-call-unread",
        "`disable_parallel_tool_use` is silently ignored",
        "TOOL022",
        rewriting(in_parallel, lambda request: isinstance(request.json.get("tool_choice"), dict), MESSAGES),
    ),
    read(
        "tools-unread-when-streaming",
        "Tools are silently ignored when streaming",
        "FLD012",
        dropping("tools", "tool_choice", where=streaming, apis=MESSAGES),
    ),
)
HISTORY = (
    defect("result-without-content-refused", "A tool_result without content is rejected", "TOOL027", results_refused),
    Mutation(
        name="results-unread",
        title="tool_result blocks are silently ignored",
        caught_by="TOOL028",
        on_request=rewriting(untold, lambda request: isinstance(request.json.get("messages"), list), MESSAGES),
    ),
    defect(
        "input-starts-full",
        "content_block_start already contains the tool_use input",
        "MSG012",
        each_of(
            "content_block_start",
            within("content_block", lambda b: b | {"input": {"city": "Oslo"}} if is_call(b) else b),
        ),
    ),
)
