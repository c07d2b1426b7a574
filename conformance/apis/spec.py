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


class ApiSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One API.

    Names: `title` for people; `path` below the base URL; the schemas of request, non-streaming response and event;
    `base_profile`, the SDK that sends the API's own probes; `key_headers`, in which that SDK can send the key.

    Request fields: `conversation` with the user's messages; `caps`, which limit the completion tokens, and `cap`, the
    one that probes set, to `min_cap` or more; `stop`, None if the API has no stop sequences; `format` of JSON content;
    `single_call`, which allows at most one tool call; `choices`, None if a response has one choice; `effects`, the
    fields whose effect a probe shows; `refused_by_vendor`, those that models of the API's own vendor refuse by name. A
    completion of up to `short_tokens` is short, `brief_cap` caps a short one.

    Responses: `streams`; `terminal_events`, the types of the events that end a stream, none if `[DONE]` does;
    `skipped_events`, the names of those that the API's SDKs skip; `output_tokens`, the usage field of generated tokens.

    Readers: `content` of a response in either mode; `pieces` of text in an event; `counts` of a usage value, which
    is the sum of a stream's reports if `usage_adds_up`; `first_call`, the event of the first tool call;
    `unreadable_reason`, why the content can't be read, or empty.
    """

    title: str
    path: str
    request_schema: str
    response_schema: str
    event_schema: str
    base_profile: str
    key_headers: tuple[KeyHeader, ...]
    conversation: str
    caps: tuple[str, ...]
    cap: str
    min_cap: int
    brief_cap: int
    short_tokens: int
    stop: str | None
    format: str
    single_call: str
    choices: str | None
    effects: tuple[str, ...]
    refused_by_vendor: tuple[str, ...]
    streams: bool
    terminal_events: tuple[str, ...]
    skipped_events: tuple[str, ...]
    output_tokens: str
    usage_adds_up: bool
    content: Callable[[Exchange], ResponseContent]
    pieces: Callable[[Object], list[Piece]]
    counts: Callable[[Object], Usage | None]
    first_call: Callable[[Exchange], Event | None]
    unreadable_reason: Callable[[Exchange], str]
