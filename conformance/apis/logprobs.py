"""Read the log probabilities of a completion: its tokens and their alternatives."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.apis.chat import Part, chat_content, parts
from conformance.apis.content import Choice
from conformance.apis.request import request_body
from conformance.apis.request_fields import echoes, requested_stops
from conformance.apis.text_choices import in_chat_form
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, as_string, is_integer

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands in a token for bytes that are not a complete character on their own."""


class Entry(NamedTuple):
    """One entry of `logprobs.content`, of any type, and the part of the stream that had it.

    `is_first`: it begins an echoed prompt, and nothing precedes it that it could be likely after.
    """

    value: Any
    part: Part | None = None
    is_first: bool = False


def requests_logprobs(x: Exchange) -> bool:
    """Whether the request asks for log probabilities."""
    wanted = request_body(x).get("logprobs")
    return is_integer(wanted) if x.api == "completions" else wanted is True


def requested_alternatives(x: Exchange) -> int | None:
    """How many alternatives of each token the request asks for; None for what is no number."""
    wanted = request_body(x).get("logprobs" if x.api == "completions" else "top_logprobs", 0)
    return int(wanted) if is_integer(wanted) else None


@cached_reader
def entries(x: Exchange) -> tuple[Entry, ...]:
    """All entries of `logprobs.content`, in order; those of Completions in the form of Chat Completions."""
    if json_body(x) is not None:
        choices = chat_content(x).choices
        each = ((not at, value) for choice in choices for at, value in enumerate(choice.logprobs))
        return tuple(Entry(value, is_first=is_first and echoes(x)) for is_first, value in each)
    return tuple(_streamed_entries(x))


def _streamed_entries(x: Exchange) -> Iterator[Entry]:
    begun: set[int] = set()
    for part in parts(x):
        choice = in_chat_form(part.choice) if x.api == "completions" else part.choice
        for value in as_array(as_object(choice.get("logprobs")).get("content")):
            yield Entry(value, part, is_first=echoes(x) and part.slot not in begun)
            begun.add(part.slot)


def alternatives(value: Any) -> Iterator[Object]:
    """The entries of a token's `top_logprobs` that are objects."""
    return (entry for entry in as_array(as_object(value).get("top_logprobs")) if isinstance(entry, dict))


def token_bytes(value: Any) -> bytes | None:
    """The bytes of an entry's `bytes` field, or None if it is not a list of bytes."""
    sent = as_object(value).get("bytes")
    if not isinstance(sent, list) or not all(is_integer(byte) and 0 <= byte < 256 for byte in sent):
        return None
    return bytes(int(byte) for byte in sent)


def logprob(value: Any) -> float | None:
    """An entry's log probability, or None if it is not a number."""
    number = as_object(value).get("logprob")
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def joined_tokens(choice: Choice) -> str:
    """The joined text of a choice's tokens, with UNREADABLE for bytes that are not a character."""
    pieces = [token_bytes(value) for value in choice.logprobs]
    known = [byte for byte in pieces if byte is not None]
    if len(known) == len(pieces):
        return b"".join(known).decode(errors="replace")
    return "".join(as_string(as_object(value).get("token")) for value in choice.logprobs)


def hides_tokens(x: Exchange) -> bool:
    """Whether the completion may have tokens outside its text: reasoning, tool calls, or a removed stop sequence."""
    hidden = any(
        choice.calls or choice.reasoning or choice.refusal or choice.other for choice in chat_content(x).choices
    )
    return hidden or bool(requested_stops(x))
