"""What replies cost: tokens as the server counted them, or estimated from the lengths, times the prices."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from conformance.clients.transport import answered_2xx, body
from conformance.exchange import Exchange, view
from conformance.read.sse import parse
from conformance.target import Prices

OCTETS_PER_TOKEN: Final = 4
"""A rule of thumb for English text, used only where the server counts no tokens."""

MOST_TOKENS: Final = 10**9
"""A count above this is no count."""

PER_MILLION: Final = 1_000_000


class Tokens(NamedTuple):
    """What a reply used. `estimated` where at least one of the two was not counted by the server."""

    prompt: int
    completion: int
    estimated: bool


class Bill(NamedTuple):
    """What some replies cost in US dollars (None: no price is known), and how far that is an estimate."""

    usd: float | None
    estimated: bool


@view
def tokens(x: Exchange) -> Tokens:
    """The tokens of one reply: the last count for each of the two that it names, in a whole reply or in events."""
    prompt = completion = -1
    said = 0
    for value in _values(body(x).content):
        for usage in _usages(value):
            prompt = _count(usage, ("prompt_tokens", "input_tokens"), prompt)
            completion = _count(usage, ("completion_tokens", "output_tokens"), completion)
        said += _text_length(value)
    counted = prompt >= 0 and completion >= 0
    _, _, asked = x.sent.partition(b"\r\n\r\n")
    guess = (len(asked) // OCTETS_PER_TOKEN, -(-said // OCTETS_PER_TOKEN))
    return Tokens(prompt if prompt >= 0 else guess[0], completion if completion >= 0 else guess[1], not counted)


def _values(content: bytes) -> Iterator[Any]:
    """The JSON objects of a body: itself, or one an event."""
    whole = _json(content)
    if whole is not None:
        yield whole
        return
    for event in parse(content).events:
        value = _json(event.data)
        if value is not None:
            yield value


def _json(octets: bytes) -> dict[str, Any] | None:
    if not octets.lstrip().startswith(b"{"):
        return None
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _usages(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Where the APIs put usage: at the top, in a message that starts, in a response that ends."""
    for holder in (value, value.get("message"), value.get("response")):
        usage = holder.get("usage") if isinstance(holder, dict) else None
        if isinstance(usage, dict):
            yield usage


def _count(usage: dict[str, Any], names: tuple[str, ...], before: int) -> int:
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
            return value
    return before


def _text_length(value: Any, depth: int = 6) -> int:
    """The length of the answer's texts in a value, wherever the API keeps them."""
    if depth == 0:
        return 0
    if isinstance(value, list):
        return sum(_text_length(item, depth - 1) for item in value)
    if not isinstance(value, dict):
        return 0
    texts = (value.get(name) for name in ("content", "text", "reasoning_content", "arguments", "partial_json"))
    here = sum(len(text) for text in texts if isinstance(text, str))
    return here + sum(_text_length(value.get(name), depth - 1) for name in HOLDERS)


HOLDERS: Final = ("choices", "message", "delta", "content", "tool_calls", "function", "output", "content_block")


def bill(replies: Iterable[Exchange | None], prices: Prices) -> Bill:
    """What these replies cost together: those that were answered with 2xx, and none that was not recorded."""
    paid = [x for x in replies if x is not None and answered_2xx(x)]
    if prices.request is not None:
        return Bill(round(prices.request * len(paid), 9), estimated=False)
    if prices.input is None and prices.output is None:
        return Bill(None, estimated=False)
    used = [tokens(x) for x in paid]
    usd = sum(t.prompt * (prices.input or 0.0) + t.completion * (prices.output or 0.0) for t in used) / PER_MILLION
    return Bill(round(usd, 9), any(t.estimated for t in used))
