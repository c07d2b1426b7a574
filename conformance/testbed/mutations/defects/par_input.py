"""Defects in the forms of a prompt: items of Responses, images and files."""

from collections.abc import Callable
from typing import Any

from conformance.model.words import APIS
from conformance.testbed.mutations.mutate_chat import defect
from conformance.testbed.mutations.mutate_requests import Where, refusal, rewriting
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest

Body = dict[str, Any]
IMAGES = ("image", "input_image")
FILES = ("file", "document", "input_file")


def items(request: ServerRequest) -> list[Body]:
    """The items of the input that are objects."""
    body = request.json if isinstance(request.json, dict) and request.api == "responses" else {}
    found = body.get("input")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def typed(request: ServerRequest) -> bool:
    """The input has a message item with its type."""
    return any(item.get("type") == "message" for item in items(request))


def with_phase(request: ServerRequest) -> bool:
    """A message of the input has a phase."""
    return any("phase" in item for item in items(request))


def with_marked_result(request: ServerRequest) -> bool:
    """A tool result of Messages marks the end of a prefix to cache."""
    body = request.json if isinstance(request.json, dict) and request.api == "messages" else {}
    messages = body.get("messages")
    contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    blocks = [block for content in contents if isinstance(content, list) for block in content]
    return any(isinstance(b, dict) and b.get("type") == "tool_result" and "cache_control" in b for b in blocks)


def rejecting(where: Where, message: str, **fields: Any) -> OnResponse:
    """Reject the requests for which `where` holds."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        return refusal(400, message, **fields) if response.status < 400 and where(request) else response

    return change


def each_part(edit: Callable[[Body], Body | None]) -> Callable[[Body], Body]:
    """Edit the content parts that the server reads, in any API; None leaves one out."""

    def edited(message: Any) -> Any:
        if not isinstance(message, dict) or not isinstance(message.get("content"), list):
            return message
        parts = [edit(part) if isinstance(part, dict) else part for part in message["content"]]
        return message | {"content": [part for part in parts if part is not None]}

    def change(body: Body) -> Body:
        lists = {name: body[name] for name in ("messages", "input") if isinstance(body.get(name), list)}
        return body | {name: [edited(message) for message in listed] for name, listed in lists.items()}

    return change


def without(*kinds: str) -> Callable[[Body], Body]:
    """Leave out the content parts of these types."""
    return each_part(lambda part: None if part.get("type") in kinds else part)


DEFECTS = (
    defect(
        "typed-items-refused",
        "Message items with a type are rejected",
        "PAR016",
        rejecting(typed, "1 validation error: str type expected (type=type_error.str)"),
    ),
    defect(
        "phase-refused-without-a-name",
        "The phase of a message is rejected by an error that does not name it",
        "PAR010",
        rejecting(with_phase, "Invalid request."),
    ),
    defect(
        "cache-marks-refused-without-a-name",
        "`cache_control` in a tool result is rejected by an error that does not name it",
        "PAR010",
        rejecting(with_marked_result, "Invalid request."),
    ),
    Mutation(
        name="every-image-dropped",
        title="Images are silently ignored, in every API",
        caught_by="PAR011",
        on_request=rewriting(without(*IMAGES, "image_url"), apis=APIS),
    ),
    Mutation(
        name="file-dropped",
        title="Files are silently ignored, in every API",
        caught_by="PAR011",
        on_request=rewriting(without(*FILES), apis=APIS),
    ),
)
