"""What an API is: one frozen record of its names and readers. A new API needs one, in `specs.py`."""

from collections.abc import Callable

import msgspec

from conformance.apis.content import ResponseContent
from conformance.apis.pieces import Piece
from conformance.apis.token_counts import Usage
from conformance.model.dialect import KeyHeader
from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.parsing.sse import Event


class ConversationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an API has whose requests consist of messages, and offer tools.

    Request fields: `format` of JSON content; `single_call`, which allows at most one tool call. Reader: `first_call`,
    the event of the first tool call.
    """

    format: str
    single_call: str
    first_call: Callable[[Exchange], Event | None]


class GenerationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What an API has that generates text, whole or as a stream.

    `event_schema` is the schema of a stream's event.

    Request fields: `caps`, which limit the completion tokens, and `cap`, the one that probes set, to `min_cap` or more;
    `stop`, None if the API has no stop sequences; `choices`, None if a response has one choice. A completion of up to
    `short_tokens` is short, `brief_cap` caps a short one.

    Responses: `terminal_events`, the types of the events that end a stream, none if `[DONE]` does; `skipped_events`,
    the names of those that the API's SDKs skip; `output_tokens`, the usage field of generated tokens; the counts of a
    stream are the sum of its reports if `usage_adds_up`.

    Reader: `pieces` of text in an event. `conversation`: None if the prompt is no conversation, but a text.
    """

    event_schema: str
    caps: tuple[str, ...]
    cap: str
    min_cap: int
    brief_cap: int
    short_tokens: int
    stop: str | None
    choices: str | None
    terminal_events: tuple[str, ...]
    skipped_events: tuple[str, ...]
    output_tokens: str
    usage_adds_up: bool
    pieces: Callable[[Object], list[Piece]]
    conversation: ConversationSpec | None


class ApiSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One API.

    Names: `title` for people; `path` below the base URL; the schemas of request and non-streaming response;
    `base_profile`, the SDK that sends the API's own probes; `key_headers`, in which that SDK can send the key.

    Request fields: `prompt`, which has what the user says or sends; `effects`, the fields whose effect a probe shows;
    `refused_by_vendor`, those that models of the API's own vendor refuse by name.

    Readers: `content` of a response in either mode, without choices if the API generates no text; `counts` of a usage
    value; `unreadable_reason`, why the content can't be read, or empty.

    `generation` has what only an API that generates text has; None for another.
    """

    title: str
    path: str
    request_schema: str
    response_schema: str
    base_profile: str
    key_headers: tuple[KeyHeader, ...]
    prompt: str
    effects: tuple[str, ...]
    refused_by_vendor: tuple[str, ...]
    content: Callable[[Exchange], ResponseContent]
    counts: Callable[[Object], Usage | None]
    unreadable_reason: Callable[[Exchange], str]
    generation: GenerationSpec | None
