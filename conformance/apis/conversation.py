"""The conversation of a request, in one form for every API: who said, called, returned and attached what, in order.

Anything that no API documents is left out here; the schemas report it.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import Object, as_array, as_object, as_string

Role = Literal["system", "user", "assistant"]
ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class Said(NamedTuple):
    """A text of a role."""

    role: Role
    text: str


class Called(NamedTuple):
    """A tool call in the history: its ID, name, and arguments as a JSON value, or as their text if they are no JSON."""

    id: str
    name: str
    arguments: Any


class Returned(NamedTuple):
    """The result of a call, with the call's ID, and its text."""

    id: str
    text: str


class Attached(NamedTuple):
    """An image, audio or file: its base64 data, or its URL or ID."""

    kind: Literal["image", "audio", "file"]
    content: str

    @property
    def is_inline(self) -> bool:
        """Whether the request holds its bytes."""
        return not self.content.startswith(("http:", "https:", "file-", "file_"))


Entry = Said | Called | Returned | Attached


@cached_reader
def conversation(x: Exchange) -> tuple[Entry, ...]:
    """The entries of the request, in order; instructions outside the conversation are first."""
    body = request_body(x)
    if x.api == "responses":
        return tuple(_of_responses(body))
    return tuple(_of_messages(body) if x.api == "messages" else _of_chat(body))


def bare(text: str) -> str:
    """A text without white space, which APIs and templates add and remove between parts."""
    return "".join(text.split())


def _parts(content: Any) -> list[Object]:
    """The parts of a content, of which a string is one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in as_array(content) if isinstance(part, dict)]


def _texts(content: Any) -> str:
    return "".join(as_string(part.get("text")) for part in _parts(content))


def _data(url: Any) -> str:
    """The base64 data of a data URL, or the URL."""
    text = as_string(url)
    return text.partition(",")[2] if text.startswith("data:") else text


def _arguments(text: Any) -> Any:
    """The value of arguments; none are an empty object."""
    if not as_string(text).strip():
        return {}
    value = parse_json(as_string(text).encode("utf-8", "replace"))
    return text if value is NOT_JSON else value


# Chat Completions: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages


def _of_chat(body: Object) -> Iterator[Entry]:
    for message in map(as_object, as_array(body.get("messages"))):
        role = as_string(message.get("role"))
        if role == "tool":
            yield Returned(as_string(message.get("tool_call_id")), _texts(message.get("content")))
        elif role in ROLES:
            yield from _texts_of(ROLES[role], message.get("content"))
            if refusal := as_string(message.get("refusal")):
                yield Said(ROLES[role], refusal)
            for call in map(as_object, as_array(message.get("tool_calls"))):
                function = as_object(call.get("function") or call.get("custom"))
                given = function.get("arguments", function.get("input"))
                yield Called(as_string(call.get("id")), as_string(function.get("name")), _arguments(given))


def _texts_of(role: Role, content: Any) -> Iterator[Entry]:
    for part in _parts(content):
        if found := _attached(part):
            yield found
        elif text := as_string(part.get("text") or part.get("refusal")):
            yield Said(role, text)


def _attached(part: Object) -> Attached | None:
    """What a part of Chat Completions or Responses attaches."""
    image, audio, file = part.get("image_url"), as_object(part.get("input_audio")), part.get("file")
    if part.get("type") in ("image_url", "input_image"):
        url = image if isinstance(image, str) else as_object(image).get("url")
        return Attached("image", _data(url or part.get("file_id")))
    if part.get("type") == "input_audio":
        return Attached("audio", as_string(audio.get("data")))
    if part.get("type") in ("file", "input_file"):
        held = as_object(file) or part
        return Attached("file", _data(held.get("file_data") or held.get("file_url") or held.get("file_id")))
    return None


# Messages: https://platform.claude.com/docs/en/api/messages/create


def _of_messages(body: Object) -> Iterator[Entry]:
    yield from _of_blocks("system", body.get("system"))
    for message in map(as_object, as_array(body.get("messages"))):
        role = as_string(message.get("role"))
        if role in ROLES:
            yield from _of_blocks(ROLES[role], message.get("content"))
        elif role == "tool":  # a mistake, which the schema reports; nothing is lost by it
            yield Returned(as_string(message.get("tool_call_id")), _texts(message.get("content")))


def _of_blocks(role: Role, content: Any) -> Iterator[Entry]:
    for block in _parts(content):
        kind, source = block.get("type"), as_object(block.get("source"))
        plain = source.get("data") if source.get("type") == "text" else block.get("text")
        if kind in ("text", "document") and (text := as_string(plain)):
            yield Said(role, text)
        elif kind == "search_result":
            yield Said(role, _texts(block.get("content")))
        elif kind == "tool_use":
            yield Called(as_string(block.get("id")), as_string(block.get("name")), block.get("input"))
        elif kind == "tool_result":
            yield Returned(as_string(block.get("tool_use_id")), _texts(block.get("content")))
            yield from _of_blocks(role, [part for part in _parts(block.get("content")) if _is_attached(part)])
        elif kind in ("image", "document"):
            found = as_string(source.get("data") or source.get("url") or source.get("file_id"))
            yield Attached("image" if kind == "image" else "file", found)


def _is_attached(block: Object) -> bool:
    return block.get("type") in ("image", "document")


# Responses: https://platform.openai.com/docs/api-reference/responses/create#responses-create-input


def _of_responses(body: Object) -> Iterator[Entry]:
    if text := as_string(body.get("instructions")):
        yield Said("system", text)
    given = body.get("input")
    if isinstance(given, str):
        yield Said("user", given)
    for item in map(as_object, as_array(given)):
        kind, role = as_string(item.get("type")) or "message", ROLES.get(as_string(item.get("role")))
        if kind == "message" and role:
            yield from _texts_of(role, item.get("content"))
        elif kind in ("function_call", "custom_tool_call"):
            arguments = _arguments(item.get("arguments", item.get("input")))
            yield Called(as_string(item.get("call_id")), as_string(item.get("name")), arguments)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            yield Returned(as_string(item.get("call_id")), _texts(item.get("output")))
            yield from (part for part in _texts_of("user", as_array(item.get("output"))) if isinstance(part, Attached))
