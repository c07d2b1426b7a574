"""Change what a server reads and how it says no: small edits of requests and refusals, from which defects are made."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from conformance.model.exchange import Api
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import Answer, Ask, Asked, OnAnswer, OnReply, Piece, Reply

Body = dict[str, Any]
CHAT: tuple[Api, ...] = ("chat",)
Where = Callable[[Asked], object]
Edit = Callable[[Body], Body]


def reading(edit: Edit, where: Where = bool, apis: Collection[Api] = CHAT) -> Ask:
    """Read another body than was sent to these APIs, where that was an object and `where` holds."""

    def ask(asked: Asked) -> Asked:
        is_meant = asked.api in apis and isinstance(asked.json, dict)
        return replace(asked, json=edit(asked.json)) if is_meant and where(asked) else asked

    return ask


def dropping(*names: str, where: Where = bool, apis: Collection[Api] = CHAT) -> Ask:
    """Read the body as if these fields were not in it."""
    return reading(lambda body: {name: value for name, value in body.items() if name not in names}, where, apis)


def streaming(asked: Asked) -> bool:
    """A stream was asked for."""
    return asked.mode == "stream"


def holds(name: str, kind: type | tuple[type, ...] = object) -> Where:
    """The body has this field, with a value of that type."""

    def where(asked: Asked) -> bool:
        return isinstance(asked.json, dict) and isinstance(asked.json.get(name), kind) and name in asked.json

    return where


def sent(asked: Asked) -> Body:
    """The body as it was sent, whatever is read of it; empty where it was no object."""
    value = parse(asked.body).value
    return value if isinstance(value, dict) else {}


def saying(edit: Callable[[Answer, Asked], Answer], *statuses: int) -> OnAnswer:
    """Change the refusals of these statuses."""
    return lambda answer, asked: edit(answer, asked) if answer.status in statuses else answer


def with_error(edit: Callable[[Body], Body], *statuses: int) -> OnAnswer:
    """Change the error object of the refusals of these statuses."""

    def change(answer: Answer, _asked: Asked) -> Answer:
        return replace(answer, whole=answer.whole | {"error": edit(answer.whole["error"])})

    return saying(change, *statuses)


def with_status(status: int, *statuses: int) -> OnAnswer:
    """Refuse with another status in place of these."""
    return saying(lambda answer, _: replace(answer, status=status), *statuses)


def with_headers(*added: tuple[str, str]) -> OnAnswer:
    """Add headers to every answer."""
    return lambda answer, _: replace(answer, headers=(*answer.headers, *added))


def with_body(octets: bytes, media_type: str, *statuses: int) -> OnReply:
    """Put another body, labelled so, in the place of the refusals of these statuses."""

    def change(reply: Reply, _asked: Asked) -> Reply:
        if reply.status not in statuses:
            return reply
        headers = tuple(h for h in reply.headers if h[0] != "content-type")
        return replace(reply, headers=(("content-type", media_type), *headers), pieces=(Piece(octets=octets),))

    return change


def labelled(media_type: str, *statuses: int) -> OnReply:
    """Label the refusals of these statuses otherwise."""

    def change(reply: Reply, asked: Asked) -> Reply:
        octets = b"".join(piece.octets for piece in reply.pieces)
        return with_body(octets, media_type, *statuses)(reply, asked)

    return change


def as_detail(answer: Answer, _asked: Asked) -> Answer:
    """A refusal as a web framework's own handler writes it."""
    error = answer.whole["error"]
    place = ["body", *(error.get("param") or "").split(".")]
    return replace(answer, whole={"detail": [{"type": "value_error", "loc": place, "msg": error["message"]}]})


def as_events(reply: Reply) -> Reply:
    """A reply's whole body as one event, and the end marker."""
    octets = b"data: " + b"".join(piece.octets for piece in reply.pieces) + b"\n\ndata: [DONE]\n\n"
    headers = tuple(h for h in reply.headers if h[0] != "content-type")
    return replace(reply, headers=(("content-type", "text/event-stream"), *headers), pieces=(Piece(octets=octets),))


def refusal(status: int, message: str, **fields: Any) -> Answer:
    """An OpenAI error with these fields."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None} | fields
    return Answer(status=status, whole={"error": error})
