"""Defects in fields and counts of the Responses API: ignored or impossible."""

import math
from dataclasses import replace

from conformance.testbed.mutations.defects.fld import all_of, pruned_inside, without_vendor_fields
from conformance.testbed.mutations.mutate_chat import defect, with_fields
from conformance.testbed.mutations.mutate_requests import Where, dropping, holds, refusal, rewriting, sent, streaming
from conformance.testbed.mutations.mutate_responses import (
    RESPONSES,
    Body,
    each_end,
    each_item,
    each_state,
    is_call,
    on_response,
    usage,
)
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, Mutation, OnRequest, OnResponse, ServerRequest

ARGUMENTS = "response.function_call_arguments.delta"


def unread(name: str, title: str, caught_by: str, ask: OnRequest) -> Mutation:
    """A defect in how the request is read."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_request=ask)


def uncapped(body: Body) -> Body:
    """Read a token cap as a large one."""
    return body | {"max_output_tokens": 400} if body["max_output_tokens"] > 0 else body


def crashed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A route that exists and always gets 500."""
    return refusal(500, "Internal server error", type="server_error") if request.api == "responses" else response


def choosing(choice: str) -> Where:
    """tool_choice has this value."""
    return lambda request: request.json.get("tool_choice") == choice


def is_named(request: ServerRequest) -> bool:
    """tool_choice names a function."""
    return isinstance(request.json.get("tool_choice"), dict)


def freely(body: Body) -> Body:
    """Read any tool_choice as `auto`."""
    return body | {"tool_choice": "auto"}


def forced(body: Body) -> Body:
    """Read any tool_choice as `required`."""
    return body | {"tool_choice": "required"}


def untold(body: Body) -> Body:
    """Read the input without function calls and their outputs."""
    kept = [item for item in body["input"] if not str(item.get("type", "")).startswith("function_call")]
    return body | {"input": kept or body["input"]}


def without_text(response: Body) -> Body:
    """The texts of a response are lost."""
    lost = [
        item | {"content": [part | {"text": ""} for part in item["content"]]} if "content" in item else item
        for item in response["output"]
    ]
    return response | {"output": lost}


def refusing_tools(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject tools when streaming."""
    if request.api != "responses" or response.events is None or not sent(request).get("tools"):
        return response
    return refuse(
        Refusal(message="'tools' is not supported here.", param="tools", code="unsupported_parameter"), request
    )


def results_refused(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Outputs with content parts are rejected, though the API documents them."""
    items = sent(request).get("input")
    outputs = [item.get("output") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if request.api != "responses" or response.status >= 400 or not any(isinstance(text, list) for text in outputs):
        return response
    return refuse(Refusal(message="input: output must be a string.", param="input"), request)


def times(name: str, factor: float, plus: int = 0) -> OnResponse:
    """Change a count, with a matching total."""

    def edit(reported: Body) -> Body:
        counted = reported | {name: math.ceil(reported[name] * factor) + plus}
        return counted | {"total_tokens": counted["input_tokens"] + counted["output_tokens"]}

    return usage(edit)


def when_streaming(edit: OnResponse) -> OnResponse:
    """Edit streams only."""
    return lambda response, request: edit(response, request) if response.events else response


def damaged(text: str) -> str:
    """Non-ASCII characters are replaced."""
    return "".join(letter if letter.isascii() else "\ufffd" for letter in text)


def shouted(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The text of a stream in upper case."""
    if request.api != "responses" or not response.events or sent(request).get("text") or sent(request).get("tools"):
        return response
    return replace(response, events=tuple(replace(event, data=_louder(event.data)) for event in response.events))


def _louder(value: object) -> object:
    if isinstance(value, dict):
        loud = {name: text.upper() for name in ("delta", "text") if isinstance(text := value.get(name), str)}
        return {name: _louder(item) for name, item in value.items()} | loud
    return [_louder(item) for item in value] if isinstance(value, list) else value


def storing(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The response says that it is stored, unless the request forbids it."""
    return response if sent(request).get("store") is False else each_end(with_fields(store=True))(response, request)


DROPPED = (
    unread(
        "output-cap-unread",
        "`max_output_tokens` is silently ignored",
        "FLD010",
        rewriting(uncapped, holds("max_output_tokens", int), RESPONSES),
    ),
    unread(
        "text-format-unread",
        "`text` is silently ignored",
        "FLD013",
        dropping("text", where=holds("text", dict), apis=RESPONSES),
    ),
    unread(
        "instructions-unread", "`instructions` is silently ignored", "FLD004", dropping("instructions", apis=RESPONSES)
    ),
    unread(
        "instructions-dropped",
        "`instructions` is validated, then ignored",
        "RSP030",
        dropping("instructions", where=holds("instructions", str), apis=RESPONSES),
    ),
    unread(
        "instructions-dropped-in-streams",
        "`instructions` is ignored when streaming",
        "RSP030",
        dropping("instructions", where=all_of(streaming, holds("instructions", str)), apis=RESPONSES),
    ),
    unread("reasoning-unread", "`reasoning` is silently ignored", "FLD004", dropping("reasoning", apis=RESPONSES)),
    unread(
        "response-temperature-unread",
        "`temperature` is silently ignored on Responses when streaming",
        "FLD003",
        dropping("temperature", where=streaming, apis=RESPONSES),
    ),
    unread(
        "previous-response-unread",
        "`previous_response_id` is silently ignored",
        "RSP022",
        dropping("previous_response_id", apis=RESPONSES),
    ),
    unread(
        "response-metadata-unread",
        "`metadata` is silently ignored on Responses",
        "RSP023",
        dropping("metadata", apis=RESPONSES),
    ),
    defect(
        "store-told-and-not-done",
        "Responses report `store: true`, and nothing is stored",
        "RSP025",
        storing,
    ),
    defect(
        "stored-and-not-found",
        "Non-streaming responses report `store: true`, and none is found by its id",
        "RSP027",
        lambda response, request: (
            response if sent(request).get("store") is False else on_response(with_fields(store=True))(response, request)
        ),
    ),
    defect(
        "stored-all-the-same",
        "Responses report `store: true` when the request sets false",
        "RSP024",
        each_end(with_fields(store=True)),
    ),
    unread(
        "response-vendor-fields-unread",
        "Unknown fields are silently ignored on Responses",
        "FLD006",
        rewriting(without_vendor_fields, apis=RESPONSES),
    ),
    unread(
        "response-inner-fields-unread",
        "Unknown nested fields are silently ignored on Responses",
        "FLD007",
        rewriting(pruned_inside, apis=RESPONSES),
    ),
    unread(
        "required-unread",
        "`tool_choice: required` is silently ignored on Responses",
        "FLD012",
        dropping("tools", "tool_choice", where=choosing("required"), apis=RESPONSES),
    ),
    unread(
        "named-function-unread",
        "A named function in `tool_choice` is silently ignored on Responses",
        "TOOL021",
        rewriting(freely, is_named, RESPONSES),
    ),
    unread(
        "none-unread",
        "`tool_choice: none` is silently ignored on Responses",
        "TOOL020",
        rewriting(forced, choosing("none"), RESPONSES),
    ),
    unread(
        "one-at-a-time-unread",
        "`parallel_tool_calls` is silently ignored on Responses",
        "TOOL022",
        dropping("parallel_tool_calls", where=holds("parallel_tool_calls", bool), apis=RESPONSES),
    ),
    Mutation(
        name="outputs-unread",
        title="function_call_output items are silently ignored",
        caught_by="TOOL028",
        on_request=rewriting(untold, holds("input", list), RESPONSES),
    ),
    defect("output-parts-refused", "function_call_output with content parts is rejected", "TOOL027", results_refused),
)
CONTENT = (
    defect("response-silent", "The text of non-streaming responses is lost", "CMP014", on_response(without_text)),
    defect("response-stream-shouts", "Streams are upper-case, non-streaming responses are not", "EQV002", shouted),
    defect("response-stream-without-tools", "Tools are rejected when streaming Responses", "EQV003", refusing_tools),
    defect(
        "response-stream-counts-input-twice",
        "Usage in a streamed response counts the input tokens twice",
        "EQV005",
        when_streaming(times("input_tokens", 2)),
    ),
    defect(
        "response-stream-of-another-model",
        "A streamed response reports another model",
        "EQV007",
        each_state(with_fields(model="reference-2026-11")),
    ),
    defect("response-output-tokens-zero", "output_tokens of a response is 0", "USE008", times("output_tokens", 0)),
    defect(
        "response-output-tokens-threefold",
        "Usage of a response reports three times the output tokens",
        "USE009",
        times("output_tokens", 3),
    ),
    defect(
        "function-call-renamed",
        "Function calls name functions that the request does not offer",
        "TOOL023",
        each_item(lambda item: item | {"name": f"functions.{item['name']}"}, is_call),
    ),
    defect(
        "arguments-damaged",
        "Non-ASCII characters of non-streaming arguments are replaced",
        "TOOL026",
        on_response(
            lambda r: (
                r | {"output": [i | {"arguments": damaged(i["arguments"])} if is_call(i) else i for i in r["output"]]}
            )
        ),
    ),
    Mutation(name="responses-crash", title="POST /responses gets 500", caught_by="ERR022", on_response=crashed),
)
