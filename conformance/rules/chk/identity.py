"""What a chunk says that it is: object, id, created, model."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from conformance.apis.chat import are_all, columns, is_annotation, is_chunk, place, said
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import held, is_integer, shown
from conformance.rules.chk.conditions import chunked, json_values, speaking
from conformance.rules.chk.example import AZURE, FIRST, GOOD, LAST, VENDOR
from conformance.rules.chk.shape import MILLISECONDS, chunk_rule
from conformance.rules.example import HELLO, chunk, streamed


def _each(x: Exchange, name: str, kind: type, is_right: Callable[[Any], bool]) -> Iterator[Finding]:
    """A finding for each chunk whose field is missing or wrong; one of that type is always right."""
    if are_all(columns(x)[name], kind):
        return
    for number, found in enumerate(said(x), 1):
        if not is_right(found.value.get(name)):
            yield Finding(f"chunk {number} has {held(found.value, name)}", at=place(x, found))


def _changes(x: Exchange, name: str) -> Iterator[Finding]:
    """A finding for each chunk that says another name than the first one that says any."""
    first = ""
    for number, said_name in enumerate(columns(x)[name], 1):
        if said_name and isinstance(said_name, str) and said_name != (first := first or said_name):
            seen = f"chunk {number} has {name} {shown(said_name)}, the first one had {shown(first)}"
            yield Finding(seen, at=place(x, said(x)[number - 1]))


@chunk_rule(
    "CHK001",
    MUST,
    "Every event of a chat stream holds one chunk: an object marked chat.completion.chunk",
    about="object",
    fix='Send one JSON object an event, with object: "chat.completion.chunk".',
    when=speaking,
    good=[GOOD, VENDOR, AZURE],
    bad=[
        streamed(*(p | {"object": "text_completion.chunk"} if isinstance(p, dict) else p for p in HELLO)),
        streamed({"text": "Hello"}, "[DONE]"),
        streamed(*HELLO[:2], [chunk()], *HELLO[2:]),
        streamed({k: v for k, v in FIRST.items() if k != "object"}, *HELLO[1:]),
    ],
)
def no_chunk(x: Exchange) -> Iterator[Finding]:
    """Typed clients decide by this field what an event is; with another value they refuse the stream or skip the text."""
    for event, value in json_values(x):
        if type(value) is dict and value.get("object") == "chat.completion.chunk":
            continue
        if not isinstance(value, dict):
            if not (isinstance(value, str) and value.strip().upper() == "[DONE]"):
                yield Finding(f"an event holds {shown(value)} where a chunk was due", at=place(x, event))
        elif not is_chunk(value):
            yield Finding("an event holds an object that is no chunk: neither object nor choices", at=place(x, event))
        elif value.get("object") or not is_annotation(value):
            yield Finding(f"a chunk has {held(value, 'object')}", at=place(x, event))


@chunk_rule(
    "CHK002",
    MUST,
    "Every chunk has a string as its id",
    about="id",
    fix="Make an id when the request arrives and put it into every chunk.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id=None), LAST), streamed(chunk({"content": "Hi"}, id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDKs' stream helpers and Letta can't assemble chunks that have no id: the turn ends in an exception."""
    yield from _each(x, "id", str, lambda value: isinstance(value, str))


@chunk_rule(
    "CHK003",
    MUST,
    "All chunks of a stream have the same id",
    about="id",
    fix="Make the id once a request, not once a chunk.",
    when=chunked,
    good=[GOOD, AZURE, streamed(*HELLO[:3], chunk(finish="stop", id=""), "[DONE]")],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="chatcmpl-2"), chunk(finish="stop", id="chatcmpl-3"), "[DONE]")],
)
def changing_id(x: Exchange) -> Iterator[Finding]:
    """Whoever gathers chunks by id shows one answer as many messages."""
    yield from _changes(x, "id")


@chunk_rule(
    "CHK004",
    MUST,
    "Every chunk has an integer as its time of creation",
    about="created",
    fix="Set created to the Unix time in whole seconds, as a number.",
    when=chunked,
    good=[GOOD, AZURE, streamed(chunk({"content": "Hi"}, created=0))],
    bad=[
        streamed(chunk({"content": "Hi"}, created="2026-11-01")),
        streamed(chunk(created=1.5)),
        streamed(chunk(created=None)),
    ],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java, Letta's models) refuse the whole chunk where the time is no integer."""
    yield from _each(x, "created", int, is_integer)


@chunk_rule(
    "CHK005",
    SHOULD,
    "The time of creation is in seconds, and the same in all chunks of a stream",
    about="created",
    fix="Take the time once, when the request arrives, in seconds since 1970.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, created=1_760_000_001)), streamed(chunk(created=1_760_000_000_000))],
)
def odd_created(x: Exchange) -> Iterator[Finding]:
    """Logs and caches sort answers by it; milliseconds overflow the 32 bits that some clients keep it in."""
    first: int | float | None = None
    times = columns(x)["created"]
    if are_all(times, int) and len(set(times)) == 1 and -1 < times[0] < MILLISECONDS:
        return
    for number, (found, created) in enumerate(zip(said(x), times, strict=True), 1):
        if not is_integer(created):
            continue
        first = created if first is None else first
        if not -1 < created < MILLISECONDS:
            yield Finding(
                f"chunk {number} has created {shown(created)}, which is no time in seconds", at=place(x, found)
            )
            return
        if created != first:
            yield Finding(
                f"chunk {number} has created {shown(created)}, the first one had {shown(first)}", at=place(x, found)
            )
            return


@chunk_rule(
    "CHK006",
    MUST,
    "Every chunk names its model in a string",
    about="model",
    fix="Put the model's name into every chunk.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[
        streamed(FIRST, chunk({"content": "Hi"}, model=None), LAST),
        streamed({k: v for k, v in FIRST.items() if k != "model"}),
    ],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse chunks without a model; prices are looked up by it."""
    yield from _each(x, "model", str, lambda value: isinstance(value, str))


@chunk_rule(
    "CHK007",
    SHOULD,
    "A chunk's id and model are not blank",
    about="id",
    fix="Fill in id and model in every chunk, the one with the usage included.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="", model=""), LAST)],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """An answer without a name can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        for number, value in enumerate(columns(x)[name], 1):
            if value == "":
                yield Finding(f"chunk {number} has {name} ''", at=place(x, said(x)[number - 1]))


@chunk_rule(
    "CHK026",
    SHOULD,
    "All chunks of a stream name the same model",
    about="model",
    fix="Name the model that answers, once a request; where another has to take over, begin a new answer.",
    when=chunked,
    good=[GOOD, AZURE, streamed(*HELLO[:3], chunk(finish="stop", model=""), "[DONE]")],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, model="another"), LAST, "[DONE]")],
)
def changing_model(x: Exchange) -> Iterator[Finding]:
    """An answer of two models reads like one that forgets itself, and is billed at the price of either."""
    yield from islice(_changes(x, "model"), 1)
