"""Read what a request specifies: choices, token cap, stop sequences, format, and the length of its prompt."""

from conformance.apis.request import choices_in, prompts_in, request_body
from conformance.apis.specs import caps, spec
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer

TEXTUAL = frozenset(
    ("", "text", "input_text", "output_text", "refusal", "function", "custom", "tool_use", "function_call")
)
"""The types of content parts and tools whose whole content is in the request, as text."""


def requested_choices(x: Exchange) -> int:
    """How many choices are requested: `n`, or 1."""
    found = spec(x.api).generation
    return choices_in(request_body(x)) if found and found.choices else 1


def requested_candidates(x: Exchange) -> int:
    """How many completions may be generated: of the `best_of` for each prompt of Completions, `n` are returned."""
    wanted = request_body(x).get("best_of")
    each = int(wanted) if x.api == "completions" and is_integer(wanted) else 1
    return max(requested_choices(x), each * max(1, len(prompts_in(request_body(x)))))


def requested_cap(x: Exchange) -> int:
    """How many tokens a choice may have; 0 without a limit."""
    named = (request_body(x).get(name) for name in caps(x.api))
    return min((int(cap) for cap in named if is_integer(cap) and cap > 0), default=0)


def requested_stops(x: Exchange) -> tuple[str, ...]:
    """The requested stop sequences, from a list or a single string, without empty ones."""
    found = spec(x.api).generation
    wanted = request_body(x).get((found and found.stop) or "")
    return tuple(stop for stop in (wanted, *as_array(wanted)) if isinstance(stop, str) and stop)


def requested_format(x: Exchange) -> Object:
    """The requested format: its `type`, and its JSON Schema as `schema`, if any."""
    found = spec(x.api).generation
    name = found.conversation.format if found and found.conversation else ""
    wanted = as_object(request_body(x).get(name))
    if "format" in wanted:
        return as_object(wanted["format"])
    return wanted | {"schema": as_object(wanted.get("json_schema")).get("schema")}


def adds_content(x: Exchange) -> bool:
    """Whether the prompt may have more than the request's text: media, files, or results of the vendor's own tools."""
    body = request_body(x)
    kinds = {as_string(as_object(tool).get("type")) for tool in as_array(body.get("tools"))}
    messages = [*as_array(body.get("messages")), *as_array(body.get("input")), {"content": body.get("system")}]
    kinds |= {
        as_string(as_object(part).get("type")) for m in messages for part in as_array(as_object(m).get("content"))
    }
    return not kinds <= TEXTUAL


@cached_reader
def prompt_length(x: Exchange) -> int:
    """The characters of text in the request's conversation or prompts, and instructions, without tools."""
    body = request_body(x)
    messages = [*as_array(body.get("messages")), *as_array(body.get("input"))]
    contents = [as_object(message).get("content") for message in messages]
    contents += [body.get("system"), body.get("instructions"), body.get("input"), *prompts_in(body)]
    texts = (text for content in contents for text in (content, *(_text(part) for part in as_array(content))))
    return sum(len(as_string(text)) for text in texts)


def _text(part: object) -> object:
    return as_object(part).get("text")


def echoes(x: Exchange) -> bool:
    """Whether the request asks for its prompt in each choice (`echo`), as only Completions can."""
    return x.api == "completions" and request_body(x).get("echo") is True
