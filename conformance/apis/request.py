"""Read the request body as it was sent."""

from typing import Any

from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import Api
from conformance.parsing.http1 import request_header
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer

NO_JSON = "no-json"
"""The subject of a fuzzed request whose body is not a JSON object."""
EXTENDED = "extended"
"""The same for an object in JSON with extensions, which RFC 8259 (section 9) allows a parser to accept."""


@cached_reader
def request_body(x: Exchange) -> Object:
    """The JSON object of the request body; empty if it is not one."""
    return as_object(body_sent(x))


def body_sent(x: Exchange) -> Any:
    """The JSON value of the request body, or NOT_JSON."""
    return parse_json(x.sent.partition(b"\r\n\r\n")[2])


def has_key(x: Exchange) -> bool:
    """Whether the run's own key was sent: it is masked to its last character; a placeholder or wrong key is not."""
    carried = (value for name in ("authorization", "x-api-key", "api-key") for value in request_header(x, name))
    return any(value.endswith("*") for value in carried)


def choices_asked(x: Exchange) -> int:
    """How many choices are requested: `n`, or 1."""
    wanted = request_body(x).get("n") if x.api == "chat" else 1
    return max(1, int(wanted)) if is_integer(wanted) else 1


CAPS: dict[Api, tuple[str, ...]] = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
"""The fields that limit the number of completion tokens."""


def cap_asked(x: Exchange) -> int:
    """How many tokens a choice may have; 0 without a limit."""
    named = (request_body(x).get(name) for name in CAPS[x.api])
    return min((int(cap) for cap in named if is_integer(cap) and cap > 0), default=0)


STOPS: dict[Api, str] = {"chat": "stop", "messages": "stop_sequences"}
"""The field of stop sequences; the Responses API has none."""


def stops_asked(x: Exchange) -> tuple[str, ...]:
    """The requested stop sequences, from a list or a single string, without empty ones."""
    wanted = request_body(x).get(STOPS.get(x.api, ""))
    return tuple(stop for stop in (wanted, *as_array(wanted)) if isinstance(stop, str) and stop)


FORMATS: dict[Api, str] = {"chat": "response_format", "messages": "output_config", "responses": "text"}
"""The field that requests JSON content."""


def format_asked(x: Exchange) -> Object:
    """The requested format: its `type`, and its JSON Schema as `schema`, if any."""
    wanted = as_object(request_body(x).get(FORMATS[x.api]))
    if x.api == "chat":
        return wanted | {"schema": as_object(wanted.get("json_schema")).get("schema")}
    return as_object(wanted.get("format"))


@cached_reader
def prompt_length(x: Exchange) -> int:
    """The characters of text in the request's conversation, without tools."""
    body = request_body(x)
    said = [*as_array(body.get("messages")), *as_array(body.get("input"))]
    contents = [as_object(message).get("content") for message in said]
    contents += [body.get("system"), body.get("instructions"), body.get("input")]
    texts = [text for content in contents for text in (content, *(_text(part) for part in as_array(content)))]
    return sum(len(as_string(text)) for text in texts)


def _text(part: object) -> object:
    return as_object(part).get("text")
