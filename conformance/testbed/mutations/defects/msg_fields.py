"""Defects in fields, counts and headers of the Messages API: ignored, impossible or rejected."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.defects.fld import all_of, pruned_inside, without_vendor_fields
from conformance.testbed.mutations.mutate_chat import defect
from conformance.testbed.mutations.mutate_messages import (
    MESSAGES,
    Body,
    Events,
    on_events,
    on_message,
    regrouped,
    usage,
    within,
)
from conformance.testbed.mutations.mutate_requests import (
    Where,
    dropping,
    editing_errors,
    holds,
    rewriting,
    sent,
    streaming,
)
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnRequest, OnResponse, ServerRequest


def unread(name: str, title: str, caught_by: str, ask: OnRequest) -> Mutation:
    """A defect in how the request is read."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_request=ask)


def uncapped(body: Body) -> Body:
    """Read a token cap as a large one."""
    return body | {"max_tokens": 400} if body["max_tokens"] > 0 else body


def beyond(name: str, least: float, most: float) -> Where:
    """The field is a number outside this range."""

    def where(request: ServerRequest) -> bool:
        value = request.json.get(name)
        return isinstance(value, int | float) and not isinstance(value, bool) and not least <= value <= most

    return where


def with_stop(message: Body) -> Body:
    """The text with the stop sequence that ended it."""
    stop, (*blocks, last) = message["stop_sequence"], message["content"] or [{}]
    return (
        message | {"content": [*blocks, last | {"text": last["text"] + stop}]} if stop and "text" in last else message
    )


def without_text(message: Body) -> Body:
    """The text of a message is lost."""
    return message | {"content": [block | {"text": ""} if "text" in block else block for block in message["content"]]}


def nameless(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error that does not name the cause."""
    if request.api != "messages":
        return response
    return replace(response, whole=response.whole | {"error": response.whole["error"] | {"message": "Bad request."}})


def refusing_header(name: str, known: str) -> OnResponse:
    """Reject every value of this header but those with this prefix."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        values = [value for header, value in request.headers if header == name]
        if request.api != "messages" or response.status >= 400 or all(value.startswith(known) for value in values):
            return response
        return refuse(Refusal(message=f"The value of {name} is not known.", code="invalid_header"), request)

    return change


def counting(response: ModelResponse, request: ServerRequest, count: Any) -> ModelResponse:
    """Change the result of count_tokens."""
    is_count = request.path.endswith("/count_tokens") and response.status == 200
    return replace(response, whole={"input_tokens": count}) if is_count else response


def always(reason: str) -> OnResponse:
    """End every streamed text with the same stop_reason."""

    def edit(events: Events) -> Iterator[Event]:
        calls = any(event.data.get("content_block", {}).get("type") == "tool_use" for event in events)
        ended = within("delta", lambda delta: delta | {"stop_reason": reason, "stop_sequence": None})
        for event in events:
            is_end = event.name == "message_delta" and not calls
            yield replace(event, data=ended(event.data)) if is_end else event

    return on_events(edit)


def refusing_tools(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject tools when streaming."""
    if request.api != "messages" or response.events is None or not sent(request).get("tools"):
        return response
    return refuse(
        Refusal(message="'tools' is not supported here.", param="tools", code="unsupported_parameter"), request
    )


def of_another_model(events: Events) -> Iterator[Event]:
    """The stream reports another model than the non-streaming response."""
    for event in events:
        named = within("message", lambda message: message | {"model": "reference-2026-11"})
        yield replace(event, data=named(event.data)) if event.name == "message_start" else event


def times(name: str, factor: float, more: int = 0) -> OnResponse:
    """Change a count wherever usage is reported."""
    return usage(
        lambda reported: reported | {name: math.ceil(reported[name] * factor) + more} if name in reported else reported
    )


def when_streaming(edit: OnResponse) -> OnResponse:
    """Edit streams only."""
    return lambda response, request: edit(response, request) if response.events else response


DROPPED = (
    unread(
        "cap-unread",
        "`max_tokens` is silently ignored on Messages",
        "FLD010",
        rewriting(uncapped, holds("max_tokens", int), MESSAGES),
    ),
    unread(
        "stop-sequences-unread",
        "`stop_sequences` is silently ignored",
        "FLD016",
        dropping("stop_sequences", apis=MESSAGES),
    ),
    unread(
        "stop-sequences-unread-when-streaming",
        "`stop_sequences` is silently ignored when streaming",
        "FLD016",
        dropping("stop_sequences", where=streaming, apis=MESSAGES),
    ),
    unread(
        "temperature-unread-when-streaming",
        "`temperature` is silently ignored on Messages when streaming",
        "FLD003",
        dropping("temperature", where=streaming, apis=MESSAGES),
    ),
    unread("top-k-unread", "`top_k` is silently ignored", "FLD004", dropping("top_k", apis=MESSAGES)),
    unread("thinking-unread", "`thinking` is silently ignored", "FLD004", dropping("thinking", apis=MESSAGES)),
    unread(
        "system-unread",
        "`system` is silently ignored where its type is wrong",
        "FLD004",
        dropping("system", where=holds("system", dict), apis=MESSAGES),
    ),
    unread(
        "vendor-fields-unread",
        "Unknown fields are silently ignored on Messages",
        "FLD006",
        rewriting(without_vendor_fields, apis=MESSAGES),
    ),
    unread(
        "inner-fields-unread",
        "Unknown nested fields are silently ignored on Messages",
        "FLD007",
        rewriting(pruned_inside, apis=MESSAGES),
    ),
    unread(
        "temperature-unbounded",
        "A temperature above 1 is accepted on Messages",
        "PAR012",
        dropping("temperature", where=beyond("temperature", 0, 1), apis=MESSAGES),
    ),
    defect(
        "refusals-without-a-name", "Errors on Messages do not name the field", "FLD005", editing_errors(nameless, 400)
    ),
)
CONTENT = (
    defect("stop-sequence-in-the-text", "The text includes its stop sequence", "PAR007", on_message(with_stop)),
    defect("message-silent", "The text of non-streaming messages is lost", "CMP014", on_message(without_text)),
    defect("stream-silent", "The text of streamed messages is lost", "CMP014", regrouped(lambda _: ["", "", ""])),
    defect("stream-always-ends-its-turn", "Streams always end with stop_reason end_turn", "EQV001", always("end_turn")),
    defect(
        "stream-in-capitals",
        "Streams are upper-case, non-streaming messages are not",
        "EQV002",
        regrouped(lambda ps: [p.upper() for p in ps]),
    ),
    defect("stream-without-tools", "Tools are rejected when streaming", "EQV003", refusing_tools),
    defect(
        "stream-counts-input-twice",
        "Usage in a stream counts the input tokens twice",
        "EQV005",
        when_streaming(times("input_tokens", 2)),
    ),
    defect(
        "stream-counts-events",
        "Usage in a stream counts events as output tokens",
        "EQV006",
        when_streaming(times("output_tokens", 1, 8)),
    ),
    defect(
        "cached-tokens-counted-twice",
        "input_tokens includes the cached tokens, too",
        "MSG024",
        usage(
            lambda reported: (
                reported | {"cache_read_input_tokens": reported["input_tokens"]}
                if "input_tokens" in reported
                else reported
            )
        ),
    ),
    defect("stream-of-another-model", "Streams report another model", "EQV007", on_events(of_another_model)),
    defect("output-tokens-zero", "output_tokens is 0", "USE008", times("output_tokens", 0)),
    defect("input-tokens-zero", "input_tokens is 0", "USE008", times("input_tokens", 0)),
    defect("input-tokens-one", "input_tokens is 1", "TOOL028", times("input_tokens", 0, 1)),
    defect("output-tokens-tenth", "Usage reports a tenth of the output tokens", "USE011", times("output_tokens", 0.1)),
    defect(
        "output-tokens-threefold", "Usage reports three times the output tokens", "USE009", times("output_tokens", 3)
    ),
    defect("output-tokens-half", "Usage reports half of the output tokens", "USE013", times("output_tokens", 0.5)),
)


def holding(condition: Callable[[Body], object], message: str) -> OnResponse:
    """400 with this message for valid requests whose body the condition fits."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_affected = request.api == "messages" and response.status == 200 and isinstance(request.json, dict)
        if not is_affected or not condition(request.json):
            return response
        error = {"type": "invalid_request_error", "message": message}
        return ModelResponse(status=400, whole={"type": "error", "error": error})

    return change


LONG = 40
"""Events of a stream: more than a baseline response has."""


def breaking_in_a_block(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A long stream that ends in an error after its first delta."""
    events = response.events or ()
    if request.api != "messages" or len(events) < LONG:
        return response
    failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    return replace(response, events=(*events[:4], Event(name="error", data=failed)))


SYSTEM = (
    unread(
        "system-dropped",
        "`system` is validated, then ignored",
        "MSG029",
        dropping("system", where=holds("system", (str, list)), apis=MESSAGES),
    ),
    unread(
        "system-dropped-in-streams",
        "`system` is ignored when streaming",
        "MSG029",
        dropping("system", where=all_of(streaming, holds("system", (str, list))), apis=MESSAGES),
    ),
    unread(
        "system-blocks-dropped",
        "`system` is ignored if it is a list of text blocks",
        "MSG029",
        dropping("system", where=holds("system", list), apis=MESSAGES),
    ),
)

ROUTES = (
    defect(
        "text-blocks-refused",
        "A system prompt in text blocks is rejected",
        "MSG027",
        holding(lambda body: isinstance(body.get("system"), list), "system: Input should be a valid string"),
    ),
    defect(
        "beta-header-dropped",
        "The anthropic-beta header is dropped, so the field that it brings is rejected",
        "MSG028",
        holding(lambda body: body.get("context_management"), "context_management: Extra inputs are not permitted"),
    ),
    defect(
        "message-breaks-in-a-block",
        "A long stream ends in an error, and leaves its content block open",
        "ERR004",
        breaking_in_a_block,
    ),
    defect(
        "count-as-text",
        "count_tokens returns input_tokens as a string",
        "MSG023",
        lambda a, request: counting(a, request, "12"),
    ),
    defect(
        "count-of-characters",
        "count_tokens counts characters, not tokens",
        "MSG024",
        lambda a, request: counting(a, request, len(request.body)),
    ),
    defect(
        "beta-refused",
        "Unknown anthropic-beta values are rejected",
        "MSG025",
        refusing_header("anthropic-beta", "claude-code"),
    ),
    defect(
        "version-refused",
        "Newer anthropic-version values are rejected",
        "MSG026",
        refusing_header("anthropic-version", "202"),
    ),
)
