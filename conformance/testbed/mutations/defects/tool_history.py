"""Defects in handling tool requests: histories, schemas, combinations."""

from collections.abc import Callable, Iterator
from typing import Any

from conformance.testbed.mutations.mutate_chat import Body, each_part, with_fields
from conformance.testbed.mutations.mutate_requests import holds, refusal, rewriting, sent
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

Where = Callable[[Body], object]


def messages_of(body: Body) -> Iterator[Body]:
    """The messages of a body of any shape."""
    messages = body.get("messages")
    yield from (m for m in messages if isinstance(m, dict)) if isinstance(messages, list) else ()


def calling(message: Body) -> bool:
    """Whether an assistant message has tool calls."""
    return bool(message.get("tool_calls"))


def refused(name: str, title: str, param: str, where: Where) -> Mutation:
    """Reject a history that contains such a message."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        at = next((at for at, message in enumerate(messages_of(sent(request))) if where(message)), None)
        if at is None or response.status >= 400:
            return response
        field = f"messages[{at}].{param}"
        return refusal(400, f"'{field}' is not acceptable.", param=field, code="invalid_value")

    return Mutation(name=name, title=title, caught_by="TOOL027", on_response=change)


def is_of_tools(message: Body) -> bool:
    """Whether a message has tool calls or is a tool result."""
    return calling(message) or message.get("role") == "tool"


def forgetful(body: Body) -> Body:
    """A body without tool calls and results."""
    return body | {"messages": [message for message in body["messages"] if not is_of_tools(message)]}


def forgotten_results(body: Body) -> Body:
    """A body whose tool results are empty."""
    return body | {
        "messages": [m | {"content": ""} if m.get("role") == "tool" else m for m in body["messages"]],
    }


def first_results(body: Body) -> Body:
    """A body in which the second and further results of a turn are empty."""
    earlier = [{}, *body["messages"]]
    return body | {
        "messages": [
            m | {"content": ""} if before.get("role") == m.get("role") == "tool" else m
            for before, m in zip(earlier, body["messages"], strict=False)
        ],
    }


def replays(request: ServerRequest) -> bool:
    """Whether the request has a tool result."""
    return any(message.get("role") == "tool" for message in messages_of(request.json))


def schemas_refused(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject tools whose schema has `$schema`."""
    if response.status >= 400 or b'"$schema"' not in request.body:
        return response
    param = "tools[0].function.parameters"
    return refusal(400, f"Unknown name '$schema' at '{param}'.", param=param, code="invalid_value")


def combination_refused(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject logprobs together with tools when streaming."""
    body = sent(request)
    if response.status >= 400 or not (body.get("tools") and body.get("logprobs") and body.get("stream")):
        return response
    return refusal(400, "logprobs is not supported with tools and stream.", param="logprobs")


def stopping(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A streamed call of a named tool has finish_reason stop."""
    if not holds("tool_choice", dict)(request):
        return response
    return each_part(with_fields(finish_reason="stop"), lambda choice: choice["finish_reason"] == "tool_calls")(
        response, request
    )


def _blank(message: Body) -> Any:
    return message.get("content") == ""


HISTORY_DEFECTS = (
    refused(
        "null-content-refused",
        "An assistant message with content null is rejected",
        "content",
        lambda m: calling(m) and m.get("content", "") is None,
    ),
    refused(
        "absent-content-refused",
        "An assistant message without content is rejected",
        "content",
        lambda m: calling(m) and "content" not in m,
    ),
    refused(
        "blank-content-refused",
        "An assistant message with empty content is rejected",
        "content",
        lambda m: calling(m) and _blank(m),
    ),
    refused(
        "text-beside-calls-refused",
        "An assistant message with text and tool calls is rejected",
        "tool_calls",
        lambda m: calling(m) and bool(m.get("content")),
    ),
    refused(
        "several-calls-refused",
        "An assistant message with several tool calls is rejected",
        "tool_calls",
        lambda m: calling(m) and len(m["tool_calls"]) > 1,
    ),
    refused(
        "blank-result-refused",
        "An empty tool result is rejected",
        "content",
        lambda m: m.get("role") == "tool" and _blank(m),
    ),
    Mutation(
        name="tool-history-dropped",
        title="Tool calls and results in the history are silently ignored",
        caught_by="TOOL028",
        on_request=rewriting(forgetful, replays),
    ),
    Mutation(
        name="tool-results-dropped",
        title="Tool results in the history are silently ignored",
        caught_by="TOOL028",
        on_request=rewriting(forgotten_results, replays),
    ),
    Mutation(
        name="second-tool-result-dropped",
        title="Of the tool results of one turn, only the first reaches the model",
        caught_by="TOOL028",
        on_request=rewriting(first_results, replays),
    ),
    Mutation(
        name="schema-keywords-refused",
        title="A tool schema with `$schema` is rejected",
        caught_by="TOOL029",
        on_response=schemas_refused,
    ),
    Mutation(
        name="logprobs-refused-beside-tools",
        title="logprobs together with tools are rejected when streaming",
        caught_by="TOOL030",
        on_response=combination_refused,
    ),
    Mutation(
        name="named-call-finishes-otherwise-when-streaming",
        title="A named call has finish_reason stop when streaming, else tool_calls",
        caught_by="EQV001",
        on_response=stopping,
    ),
)
