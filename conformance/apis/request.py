"""Read the request body as it was sent."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import request_content, request_header
from conformance.parsing.json_text import has_more_values, parse_json
from conformance.parsing.json_values import Object, as_object, is_integer

NO_JSON = "no-json"
"""The subject of a fuzzed request whose body is not a JSON object."""
EXTENDED = "extended"
"""The same for an object in JSON with extensions, which RFC 8259 (section 9) allows a parser to accept."""


MOST_VALUES: Final = 50_000
"""JSON values of a request that are looked at; the largest ones of agents have some thousands."""


@cached_reader
def has_too_many_values(x: Exchange) -> bool:
    """Whether a request has more than MOST_VALUES."""
    return has_more_values(request_content(x), MOST_VALUES)


@cached_reader
def request_body(x: Exchange) -> Object:
    """The JSON object of the request body; empty if it is not one."""
    return as_object(body_sent(x))


@cached_reader
def body_sent(x: Exchange) -> Any:
    """The JSON value of the request body, or NOT_JSON."""
    return parse_json(request_content(x))


def has_key(x: Exchange) -> bool:
    """Whether the run's own key was sent: it is masked to its last character; a placeholder or wrong key is not."""
    carried = (value for name in ("authorization", "x-api-key", "api-key") for value in request_header(x, name))
    return any(value.endswith("*") for value in carried)


def choices_in(body: Object) -> int:
    """How many choices a body requests: `n`, or 1, for each prompt of Completions, or the one of Chat Completions."""
    wanted = body.get("n")
    return (max(1, int(wanted)) if is_integer(wanted) else 1) * max(1, len(prompts_in(body)))


def prompts_in(body: Object) -> tuple[Any, ...]:
    """The prompts in a body of Completions: texts, lists of token IDs, or null; of any type if it is invalid."""
    if "prompt" not in body:
        return ()
    prompt = body["prompt"]
    return tuple(prompt) if isinstance(prompt, list) and not all(map(is_integer, prompt)) else (prompt,)


DEEPEST = 6
"""Levels from a conversation to its texts: messages, a message, its parts, a tool result, its parts, a text."""


def conversation_texts(body: Object) -> Iterator[str]:
    """What users, developers and tools wrote in a body of any API: messages, input, prompt and instructions."""
    for name in ("messages", "input", "prompt", "system", "instructions"):
        value = body.get(name)
        if name != "messages" or isinstance(value, list):
            yield from _texts(value, DEEPEST)


def _texts(value: Any, depth: int) -> Iterator[str]:
    """The texts of a message, item or part, or of a list of these."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    elif isinstance(value, dict) and depth:
        for name in ("content", "text", "output"):
            yield from _texts(value.get(name), depth - 1)
