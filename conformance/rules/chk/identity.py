"""A chunk's identifying fields: object, id, created, model."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from conformance.apis.chat import answer_chunks, are_all, columns, is_annotation, is_chunk, span_of
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import describe_member, display, is_integer
from conformance.rules.chk.conditions import chunked, json_values, speaking
from conformance.rules.chk.example import AZURE, FIRST, GOOD, LAST, VENDOR
from conformance.rules.chk.shape import MILLISECONDS, chunk_rule
from conformance.rules.example import HELLO, chunk, streamed


def _each(x: Exchange, name: str, kind: type, is_right: Callable[[Any], bool]) -> Iterator[Finding]:
    """A finding for each chunk whose field is missing or wrong; `kind` is a type that is always right."""
    if are_all(columns(x)[name], kind):
        return
    for number, found in enumerate(answer_chunks(x), 1):
        if not is_right(found.value.get(name)):
            yield Finding(f"chunk {number} has {describe_member(found.value, name)}", at=span_of(x, found))


def _changes(x: Exchange, name: str) -> Iterator[Finding]:
    """A finding for each chunk whose value differs from the first non-empty one."""
    first, names = "", columns(x)[name]
    if are_all(names, str) and len(set(names)) == 1:
        return
    for number, model in enumerate(names, 1):
        if model and isinstance(model, str) and model != (first := first or model):
            seen = f"chunk {number} has {name} {display(model)}, but the first one has {display(first)}"
            yield Finding(seen, at=span_of(x, answer_chunks(x)[number - 1]))


@chunk_rule(
    "CHK001",
    MUST,
    "Every event of a chat stream is one JSON object with object: chat.completion.chunk",
    about="object",
    fix='Send one JSON object per event, with object: "chat.completion.chunk".',
    applies_to=speaking,
    good=[GOOD, VENDOR, AZURE],
    bad=[
        streamed(*(p | {"object": "text_completion.chunk"} if isinstance(p, dict) else p for p in HELLO)),
        streamed({"text": "Hello"}, "[DONE]"),
        streamed(*HELLO[:2], [chunk()], *HELLO[2:]),
        streamed({k: v for k, v in FIRST.items() if k != "object"}, *HELLO[1:]),
    ],
)
def no_chunk(x: Exchange) -> Iterator[Finding]:
    """Typed clients dispatch on the field object; if it has another value they reject the stream, or skip the chunk."""
    for event, value in json_values(x):
        if type(value) is dict and value.get("object") == "chat.completion.chunk":
            continue
        if not isinstance(value, dict):
            if not (isinstance(value, str) and value.strip().upper() == "[DONE]"):
                yield Finding(f"an event has {display(value)} instead of a chunk", at=span_of(x, event))
        elif not is_chunk(value):
            yield Finding("an event's data is not a chunk: it has neither object nor choices", at=span_of(x, event))
        elif value.get("object") or not is_annotation(value):
            yield Finding(f"a chunk has {describe_member(value, 'object')}", at=span_of(x, event))


@chunk_rule(
    "CHK002",
    MUST,
    "Every chunk has a string id",
    about="id",
    fix="Generate one id when the request arrives, and send it in every chunk.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id=None), LAST), streamed(chunk({"content": "Hi"}, id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDKs' stream helpers and Letta can't assemble chunks without an id: the turn ends in an exception."""
    yield from _each(x, "id", str, lambda value: isinstance(value, str))


@chunk_rule(
    "CHK003",
    MUST,
    "All chunks of a stream have the same id",
    about="id",
    fix="Generate the id once per request, instead of once per chunk.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE, streamed(*HELLO[:3], chunk(finish="stop", id=""), "[DONE]")],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="chatcmpl-2"), chunk(finish="stop", id="chatcmpl-3"), "[DONE]")],
)
def changing_id(x: Exchange) -> Iterator[Finding]:
    """Clients that group chunks by id show one response as many messages."""
    yield from _changes(x, "id")


@chunk_rule(
    "CHK004",
    MUST,
    "Every chunk has an integer created",
    about="created",
    fix="Set created to the Unix time in seconds, as an integer.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE, streamed(chunk({"content": "Hi"}, created=0))],
    bad=[
        streamed(chunk({"content": "Hi"}, created="2026-11-01")),
        streamed(chunk(created=1.5)),
        streamed(chunk(created=None)),
    ],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients (Go, Rust, Java) reject the chunk if created is missing or not an integer."""
    yield from _each(x, "created", int, is_integer)


@chunk_rule(
    "CHK005",
    SHOULD,
    "created is in seconds, and the same in all chunks of a stream",
    about="created",
    fix="Set created once per request, to the Unix time in seconds.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, created=1_760_000_001)), streamed(chunk(created=1_760_000_000_000))],
)
def odd_created(x: Exchange) -> Iterator[Finding]:
    """Logs and caches sort responses by created; milliseconds overflow the 32-bit integers of some clients."""
    first: int | float | None = None
    times = columns(x)["created"]
    if are_all(times, int) and len(set(times)) == 1 and -1 < times[0] < MILLISECONDS:
        return
    for number, (found, created) in enumerate(zip(answer_chunks(x), times, strict=True), 1):
        if not is_integer(created):
            continue
        first = created if first is None else first
        if not -1 < created < MILLISECONDS:
            yield Finding(
                f"chunk {number} has created {display(created)}, which is not a Unix time in seconds",
                at=span_of(x, found),
            )
            return
        if created != first:
            yield Finding(
                f"chunk {number} has created {display(created)}, but the first one has {display(first)}",
                at=span_of(x, found),
            )
            return


@chunk_rule(
    "CHK006",
    MUST,
    "Every chunk has a string model",
    about="model",
    fix="Send the model's name in every chunk.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE],
    bad=[
        streamed(FIRST, chunk({"content": "Hi"}, model=None), LAST),
        streamed({k: v for k, v in FIRST.items() if k != "model"}),
    ],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients reject chunks without a model; prices are looked up by it."""
    yield from _each(x, "model", str, lambda value: isinstance(value, str))


@chunk_rule(
    "CHK007",
    SHOULD,
    "A chunk's id and model are not empty",
    about="id",
    fix="Set id and model in every chunk, including the one with usage.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="", model=""), LAST)],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """A response without id and model can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        for number, value in enumerate(columns(x)[name], 1):
            if value == "":
                yield Finding(f"chunk {number} has an empty {name}", at=span_of(x, answer_chunks(x)[number - 1]))


@chunk_rule(
    "CHK026",
    SHOULD,
    "All chunks of a stream have the same model",
    about="model",
    fix="Set model once per request, and start a new response if another model has to take over.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, AZURE, streamed(*HELLO[:3], chunk(finish="stop", model=""), "[DONE]")],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, model="another"), LAST, "[DONE]")],
)
def changing_model(x: Exchange) -> Iterator[Finding]:
    """A response by two models is inconsistent, and is billed at the price of either one."""
    yield from islice(_changes(x, "model"), 1)
