"""Read what a request specifies: choices, token cap, stop sequences, format, and the length of its prompt."""

from conformance.apis.request import choices_in, request_body
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_values import Object, as_array, as_object, is_integer


def choices_asked(x: Exchange) -> int:
    """How many choices are requested: `n`, or 1."""
    return choices_in(request_body(x)) if spec(x.api).choices else 1


def cap_asked(x: Exchange) -> int:
    """How many tokens a choice may have; 0 without a limit."""
    named = (request_body(x).get(name) for name in spec(x.api).caps)
    return min((int(cap) for cap in named if is_integer(cap) and cap > 0), default=0)


def stops_asked(x: Exchange) -> tuple[str, ...]:
    """The requested stop sequences, from a list or a single string, without empty ones."""
    wanted = request_body(x).get(spec(x.api).stop or "")
    return tuple(stop for stop in (wanted, *as_array(wanted)) if isinstance(stop, str) and stop)


def format_asked(x: Exchange) -> Object:
    """The requested format: its `type`, and its JSON Schema as `schema`, if any."""
    wanted = as_object(request_body(x).get(spec(x.api).format))
    if "format" in wanted:
        return as_object(wanted["format"])
    return wanted | {"schema": as_object(wanted.get("json_schema")).get("schema")}


@cached_reader
def prompt_texts(x: Exchange) -> tuple[str, ...]:
    """The texts of the request's conversation and instructions, those of content parts included, without tools."""
    body = request_body(x)
    said = [*as_array(body.get("messages")), *as_array(body.get("input"))]
    contents = [as_object(message).get("content") for message in said]
    contents += [body.get("system"), body.get("instructions"), body.get("input")]
    texts = [text for content in contents for text in (content, *(_text(part) for part in as_array(content)))]
    return tuple(text for text in texts if isinstance(text, str))


def prompt_length(x: Exchange) -> int:
    """The characters of text in the request's conversation, without tools."""
    return sum(map(len, prompt_texts(x)))


def _text(part: object) -> object:
    return as_object(part).get("text")
