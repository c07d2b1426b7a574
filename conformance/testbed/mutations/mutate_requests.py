"""Change how requests are read and rejected: small edits of requests and errors, from which defects are built."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from conformance.model.words import Api
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import (
    ModelResponse,
    OnRequest,
    OnResponse,
    OnWire,
    ServerRequest,
    WireResponse,
    Write,
)

Body = dict[str, Any]
CHAT: tuple[Api, ...] = ("chat",)
Where = Callable[[ServerRequest], object]
Edit = Callable[[Body], Body]


def rewriting(edit: Edit, where: Where = bool, apis: Collection[Api] = CHAT) -> OnRequest:
    """Edit the body that the server reads for these APIs, where it is an object and `where` holds."""

    def rewrite(request: ServerRequest) -> ServerRequest:
        is_affected = request.api in apis and isinstance(request.json, dict)
        return replace(request, json=edit(request.json)) if is_affected and where(request) else request

    return rewrite


def dropping(*names: str, where: Where = bool, apis: Collection[Api] = CHAT) -> OnRequest:
    """Ignore these fields of the body."""
    return rewriting(lambda body: {name: value for name, value in body.items() if name not in names}, where, apis)


def streaming(request: ServerRequest) -> bool:
    """The request is for a stream."""
    return request.mode == "stream"


def holds(name: str, kind: type | tuple[type, ...] = object) -> Where:
    """The body has this field, with a value of that type."""

    def where(request: ServerRequest) -> bool:
        return isinstance(request.json, dict) and isinstance(request.json.get(name), kind) and name in request.json

    return where


def allows_some(request: ServerRequest) -> bool:
    """The tool_choice of the body allows some of its tools."""
    choice = request.json.get("tool_choice") if isinstance(request.json, dict) else None
    return isinstance(choice, dict) and choice.get("type") == "allowed_tools"


def sent(request: ServerRequest) -> Body:
    """The body as sent, whatever was changed since; empty where it is not an object."""
    value = parse(request.body).value
    return value if isinstance(value, dict) else {}


def editing_errors(edit: Callable[[ModelResponse, ServerRequest], ModelResponse], *statuses: int) -> OnResponse:
    """Edit the responses with these statuses."""
    return lambda response, request: edit(response, request) if response.status in statuses else response


def with_error(edit: Callable[[Body], Body], *statuses: int) -> OnResponse:
    """Edit the error object of the responses with these statuses."""

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        return replace(response, whole=response.whole | {"error": edit(response.whole["error"])})

    return editing_errors(change, *statuses)


def with_status(status: int, *statuses: int) -> OnResponse:
    """Replace these statuses by another."""
    return editing_errors(lambda response, _: replace(response, status=status), *statuses)


def with_headers(*added: tuple[str, str]) -> OnResponse:
    """Add headers to every response."""
    return lambda response, _: replace(response, headers=(*response.headers, *added))


def with_body(raw: bytes, media_type: str, *statuses: int) -> OnWire:
    """Replace body and Content-Type of the responses with these statuses."""

    def change(reply: WireResponse, _request: ServerRequest) -> WireResponse:
        if reply.status not in statuses:
            return reply
        headers = tuple(h for h in reply.headers if h[0] != "content-type")
        return replace(reply, headers=(("content-type", media_type), *headers), pieces=(Write(data=raw),))

    return change


def labelled(media_type: str, *statuses: int) -> OnWire:
    """Set another Content-Type on the responses with these statuses."""

    def change(reply: WireResponse, request: ServerRequest) -> WireResponse:
        raw = b"".join(piece.data for piece in reply.pieces)
        return with_body(raw, media_type, *statuses)(reply, request)

    return change


def as_detail(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """An error as a web framework's own handler writes it."""
    error = response.whole["error"]
    place = ["body", *(error.get("param") or "").split(".")]
    return replace(response, whole={"detail": [{"type": "value_error", "loc": place, "msg": error["message"]}]})


def as_events(reply: WireResponse) -> WireResponse:
    """The complete body as one event, and the end marker."""
    raw = b"data: " + b"".join(piece.data for piece in reply.pieces) + b"\n\ndata: [DONE]\n\n"
    headers = tuple(h for h in reply.headers if h[0] != "content-type")
    return replace(reply, headers=(("content-type", "text/event-stream"), *headers), pieces=(Write(data=raw),))


def refusal(status: int, message: str, **fields: Any) -> ModelResponse:
    """An OpenAI error with these fields."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None} | fields
    return ModelResponse(status=status, whole={"error": error})
