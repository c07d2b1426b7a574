"""What a server may do under load: reject honestly, queue, slow down, batch, cache; and models that err anyway."""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import replace

from conformance.testbed.mutations import mutate_chat, mutate_messages
from conformance.testbed.mutations.mutate_bytes import Edit, headed, is_stream
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_chunk,
    in_turn,
    on_stream,
    on_whole,
    text_of,
    with_fields,
)
from conformance.testbed.mutations.mutate_under_load import delayed, is_busy, number_of, took_s, when, wire_when
from conformance.testbed.mutations.under_load.defects import lost, shortened
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import (
    Headers,
    ModelResponse,
    Mutation,
    OnResponse,
    ServerRequest,
    WireResponse,
    Write,
)

ROOM, QUEUE = 8, 16
"""Requests that are served at once, and that may be in progress altogether."""
PER_CONNECTION = 5
JITTER_S = 0.2
SLOW_REPLICA = 3
MOST_THOUGHTS = 900
RETRY_AFTER: Headers = (("retry-after", "1"),)
MESSAGE = "Too many requests are in progress."


def rejecting(status: int, headers: Headers = (), room: int = ROOM, code: str = "overloaded") -> OnResponse:
    """What exceeds the room is rejected."""

    def change(_response: ModelResponse, request: ServerRequest) -> ModelResponse:
        kind = "rate_limit_error" if status == 429 else "server_error"
        refusal = Refusal(status=status, message=MESSAGE, code=code, type=kind, headers=headers)
        return refuse(refusal, request)

    return when(lambda request: is_busy(request) and request.running >= room, change)


def overloaded_error(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Anthropic's own rejection."""
    if request.api != "messages":
        return response
    return replace(rejecting(529)(response, request), whole=OVERLOADED)


OVERLOADED: Body = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_0",
}


def waiting(
    seconds: Callable[[WireResponse, ServerRequest], float],
) -> Callable[[WireResponse, ServerRequest], WireResponse]:
    """The response begins so much later."""

    def change(reply: WireResponse, request: ServerRequest) -> WireResponse:
        is_served = reply.status == 200 and request.method == "POST"
        return delayed(seconds(reply, request))(reply) if is_served else reply

    return change


def slower(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """All requests in progress share the time."""
    factor = request.running + 1
    return replace(reply, pieces=tuple(replace(piece, wait_s=piece.wait_s * factor) for piece in reply.pieces))


def jittered(reply: WireResponse) -> WireResponse:
    """Batches delay tokens unevenly."""
    pieces = (replace(p, wait_s=p.wait_s + (JITTER_S if at % 7 == 3 else 0.0)) for at, p in enumerate(reply.pieces))
    return replace(reply, pieces=tuple(pieces)) if is_stream(reply) else reply


def of_a_replica(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Each replica names itself, and one adds a header field."""
    number = number_of(request) % 3
    more = (("x-cache-zone", "b"),) if number == 1 else ()
    return headed(("x-served-by", f"replica-{number}"), *more)(reply)


def with_its_fingerprint(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Each replica has its own system_fingerprint, or none."""
    number = number_of(request) % 3
    mark = with_fields(system_fingerprint=None if number == 2 else f"fp_{number}")
    return in_turn(each_chunk(mark), on_whole(mark))(response, request)


def closed_after_some(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A connection serves a few requests, and the last response says that it is closed."""
    return headed(("connection", "close"))(reply) if request.earlier + 1 >= PER_CONNECTION else reply


def coalesced(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Equal requests get the same response, with the same id."""
    digest = hashlib.blake2b(request.body, digest_size=8).hexdigest()
    chat, message = with_fields(id=f"chatcmpl-{digest}"), with_fields(id=f"msg_{digest}")
    return in_turn(each_chunk(chat), on_whole(chat), mutate_messages.each_head(message))(response, request)


def merged(chunks: list[Body]) -> list[Body]:
    """Several tokens in one chunk."""
    texts = [at for at, chunk in enumerate(chunks) if text_of(chunk)]
    if len(texts) < 3:
        return chunks
    together = "".join(text_of(chunks[at]) for at in texts)
    choice = chunks[texts[0]]["choices"][0]
    one = chunks[texts[0]] | {"choices": [choice | {"delta": choice["delta"] | {"content": together}}]}
    return [*chunks[: texts[0]], one, *chunks[texts[-1] + 1 :]]


def from_the_cache(spent: Body) -> Body:
    """The prompt was in the cache: on Messages it is counted there alone."""
    if "prompt_tokens_details" in spent:
        details = spent["prompt_tokens_details"] | {"cached_tokens": spent["prompt_tokens"] - 1}
        return spent | {"prompt_tokens_details": details}
    if "cache_read_input_tokens" in spent and "input_tokens" in spent:
        return spent | {"cache_read_input_tokens": spent["input_tokens"] - 1, "input_tokens": 1}
    return spent


CACHED = in_turn(mutate_chat.usage(from_the_cache), mutate_messages.usage(from_the_cache))


def _by_text(count: int) -> Callable[[ServerRequest], object]:
    """One request of so many, by its text: always the same ones."""
    return lambda request: zlib.crc32(request.body) % count == 0


def _by_id(count: int) -> Callable[[ServerRequest], object]:
    """One request of so many, by its id: each time others."""
    return lambda request: number_of(request) % count == 0


def _of_fewer_tokens(spent: Body) -> Body:
    """The usage without a number and the comma after it."""
    return spent | {name: spent[name] - 2 for name in ("completion_tokens", "total_tokens")}


def errs(where: Callable[[ServerRequest], object]) -> OnResponse:
    """The model leaves a number out, now and then, alone as under load."""
    erring = in_turn(on_stream(lost), mutate_chat.each_message(shortened), mutate_chat.usage(_of_fewer_tokens))
    return when(lambda request: request.method == "POST" and where(request), erring)


def thinking_in_secret(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Tokens of thoughts that are not sent are counted: some hundreds, other ones each time."""
    thoughts = number_of(request) % MOST_THOUGHTS

    def counted(spent: Body) -> Body:
        sums = ("completion_tokens", "total_tokens", "output_tokens")
        return spent | {name: spent[name] + thoughts for name in sums if name in spent}

    return in_turn(mutate_chat.usage(counted), mutate_messages.usage(counted))(response, request)


def says_hello(request: ServerRequest) -> ServerRequest:
    """The model does not do what a request asks for."""
    if not isinstance(request.json, dict) or "messages" not in request.json:
        return request
    return replace(request, json=request.json | {"messages": [{"role": "user", "content": "Hi."}]})


def overloaded_in_stream(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A stream of Messages ends with an error event, which says that the server is overloaded."""
    if request.api != "messages" or not is_stream(reply):
        return reply
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    return replace(reply, pieces=(*reply.pieces[: len(reply.pieces) // 2], Write(data=error)))


def with_comments(reply: WireResponse) -> WireResponse:
    """Comments keep streams alive while they wait."""
    comment = Write(data=b": keep-alive\n\n", wait_s=0.05)
    return replace(reply, pieces=(comment, comment, *reply.pieces)) if is_stream(reply) else reply


def on_a_slow_replica(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """One of three replicas needs three times as long."""
    is_slow = request.method == "POST" and number_of(request) % 3 == 0
    pieces = (replace(piece, wait_s=piece.wait_s * SLOW_REPLICA) for piece in reply.pieces)
    return replace(reply, pieces=tuple(pieces)) if is_slow else reply


def busy_edit(edit: Edit) -> Callable[[WireResponse, ServerRequest], WireResponse]:
    """Edit successful responses while the server is busy."""
    return wire_when(is_busy, edit)


def _status(name: str, title: str, on_response: OnResponse) -> Mutation:
    return Mutation(name=name, title=title, on_response=on_response)


VARIANTS = (
    _status(
        "honest-429", "What exceeds eight requests is rejected with 429 and Retry-After", rejecting(429, RETRY_AFTER)
    ),
    _status("honest-429-bare", "What exceeds eight requests is rejected with 429 without Retry-After", rejecting(429)),
    _status(
        "honest-503", "What exceeds eight requests is rejected with 503 and Retry-After", rejecting(503, RETRY_AFTER)
    ),
    _status("honest-503-bare", "What exceeds eight requests is rejected with 503 without Retry-After", rejecting(503)),
    Mutation(
        name="honest-529",
        title="On Messages, what exceeds eight requests is rejected with 529 and overloaded_error",
        on_response=when(lambda request: is_busy(request) and request.running >= ROOM, overloaded_error),
    ),
    Mutation(
        name="bounded-queue",
        title="Eight requests are served, eight wait, and what exceeds them is rejected with 429",
        on_response=rejecting(429, RETRY_AFTER, QUEUE),
        on_wire=waiting(lambda reply, request: took_s(reply) if request.running >= ROOM else 0.0),
    ),
    Mutation(
        name="one-slot",
        title="One request is served at a time, in order of arrival; the others wait",
        on_wire=waiting(lambda reply, request: took_s(reply) * request.running),
    ),
    Mutation(name="slower-but-fair", title="All requests in progress share the time", on_wire=slower),
    Mutation(name="uneven-batches", title="Tokens come unevenly while the server is busy", on_wire=busy_edit(jittered)),
    Mutation(
        name="three-replicas",
        title="Three replicas name themselves in header fields and fingerprints",
        on_response=with_its_fingerprint,
        on_wire=of_a_replica,
    ),
    Mutation(name="slow-replica", title="One of three replicas needs three times as long", on_wire=on_a_slow_replica),
    Mutation(
        name="five-per-connection",
        title="A connection serves five requests, and the last response says that it is closed",
        on_wire=closed_after_some,
    ),
    _status("coalesced", "Equal requests get one response, with one id", coalesced),
    _status(
        "merged-when-busy", "Many tokens come in one chunk while the server is busy", when(is_busy, on_stream(merged))
    ),
    _status("cached-when-busy", "Prompts are in the cache while the server is busy", when(is_busy, CACHED)),
    _status("model-errs", "The model leaves a number out in one text of five, alone as under load", errs(_by_text(5))),
    _status(
        "model-errs-at-random", "The model leaves a number out in one response of five, at random", errs(_by_id(5))
    ),
    _status(
        "thoughts-counted-only", "The model thinks before each response, and only usage shows it", thinking_in_secret
    ),
    Mutation(name="model-says-hello", title="The model does not do what a request asks for", on_request=says_hello),
    Mutation(
        name="overloaded-in-stream",
        title="On Messages, streams end with overloaded_error while the server is busy",
        on_wire=lambda reply, request: overloaded_in_stream(reply, request) if is_busy(request) else reply,
    ),
    Mutation(
        name="comments-when-busy", title="Comments keep streams alive while they wait", on_wire=busy_edit(with_comments)
    ),
)
