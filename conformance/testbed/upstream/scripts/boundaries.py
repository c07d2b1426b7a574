"""Scripts of an upstream that keeps its client waiting, and of one whose reply has fields of one connection."""

from dataclasses import replace
from typing import Any, Final

from conformance.model.words import CONVERSATIONAL
from conformance.testbed.mutations.mutate_bytes import headed
from conformance.testbed.mutations.mutate_requests import rewriting
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse, Write
from conformance.testbed.upstream.script import Script

HELD_S: Final = 5.0
"""How long a reply is held back whose client is to leave."""
SLOW_S: Final = 1.5
"""How long the reply is held back that no other client is to wait for."""
BETWEEN_EVENTS_S: Final = 0.15
ATTEMPT_S: Final = 1.2
"""How long a failing attempt takes."""


def _held(seconds: float) -> Mutation:
    """The reply begins so much later."""

    def change(reply: WireResponse, _request: ServerRequest) -> WireResponse:
        first, *rest = reply.pieces
        return replace(reply, pieces=(replace(first, wait_s=first.wait_s + seconds), *rest))

    return Mutation(name="held", title="Replies later", on_wire=change)


def _head_first(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """The head at once, and a silence before the body."""
    first, *rest = reply.pieces
    return replace(reply, pieces=(Write(data=b""), replace(first, wait_s=first.wait_s + HELD_S), *rest))


def _slowly(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """The events at a slow pace."""
    return replace(reply, pieces=tuple(replace(piece, wait_s=BETWEEN_EVENTS_S) for piece in reply.pieces))


def _busy(_response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """503, to be tried again in a second."""
    return refuse(OVERLOADED, request)


def _lost(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """The connection is closed without a byte, after a while."""
    return replace(reply, head=b"", pieces=(Write(data=b"", wait_s=ATTEMPT_S),), framing="close", end="abort")


OVERLOADED: Final = Refusal(
    status=503, message="The model is busy. Try again in a second.", code="overloaded", headers=(("retry-after", "1"),)
)
IMAGES: Final = ("image_url", "image", "input_image")


def _without_images(body: dict[str, Any]) -> dict[str, Any]:
    """The body as a model reads it that sees nothing."""
    place = next((name for name in ("messages", "input") if isinstance(body.get(name), list)), "")
    return body | {place: [_text_of(message) for message in body[place]]} if place else body


def _text_of(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    return message | {"content": [p for p in content if not (isinstance(p, dict) and p.get("type") in IMAGES)]}


BUSY: Final = Mutation(name="busy", title="503 with Retry-After: 1", on_response=_busy)
HOPS: Final = (
    ("connection", "keep-alive, x-canary-answer-hop"),
    ("x-canary-answer-hop", "canary"),
    ("keep-alive", "timeout=7"),
)

SCRIPTS = (
    Script(name="held", title="Reply after five seconds of silence", attempts=((_held(HELD_S),),)),
    Script(
        name="image-taken",
        title="Respond to a request with an image by its text",
        attempts=(
            (Mutation(name="blind", title="No images", on_request=rewriting(_without_images, apis=CONVERSATIONAL)),),
        ),
    ),
    Script(name="late-reply", title="Reply after a second and a half of silence", attempts=((_held(SLOW_S),),)),
    Script(
        name="head-then-held",
        title="Send the head at once, and the body after five seconds",
        attempts=((Mutation(name="head-first", title="Head first", on_wire=_head_first),),),
    ),
    Script(
        name="slow-stream",
        title="Send an event every 0.15 seconds",
        attempts=((Mutation(name="slowly", title="Slow events", on_wire=_slowly),),),
    ),
    Script(
        name="busy-then-held",
        title="Respond with 503 and Retry-After: 1 at once, and further attempts with 503 after a second",
        attempts=((BUSY,), (BUSY, _held(ATTEMPT_S))),
    ),
    Script(
        name="lost-slowly",
        title="Close the connection after a second, without a byte",
        attempts=((Mutation(name="lost", title="Lost", on_wire=_lost),),),
    ),
    Script(
        name="hop-by-hop",
        title="Reply with fields that are meant for this connection alone",
        attempts=((Mutation(name="hops", title="Hop-by-hop fields", on_wire=lambda reply, _: headed(*HOPS)(reply)),),),
    ),
)
