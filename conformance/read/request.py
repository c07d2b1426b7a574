"""Read what was asked: the body of the request as it was sent."""

from conformance.exchange import Exchange, view
from conformance.read.json_text import value_of
from conformance.read.value import Object, is_integer, mapping, sequence, string


@view
def asked(x: Exchange) -> Object:
    """The JSON object that the request's body held; empty where it held none."""
    return mapping(value_of(x.sent.partition(b"\r\n\r\n")[2]))


def choices_asked(x: Exchange) -> int:
    """How many choices the request wants: `n`, or 1."""
    wanted = asked(x).get("n")
    return max(1, int(wanted)) if is_integer(wanted) else 1


def cap_asked(x: Exchange) -> int:
    """How many tokens a choice may have, by `max_tokens` or `max_completion_tokens`; 0 where nothing is said."""
    named = (asked(x).get(name) for name in ("max_tokens", "max_completion_tokens"))
    return min((int(cap) for cap in named if is_integer(cap) and cap > 0), default=0)


@view
def prompt_length(x: Exchange) -> int:
    """How many characters of text the messages of the request hold; tools are not counted."""
    contents = [mapping(message).get("content") for message in sequence(asked(x).get("messages"))]
    texts = [text for content in contents for text in (content, *(_text(part) for part in sequence(content)))]
    return sum(len(string(text)) for text in texts)


def _text(part: object) -> object:
    return mapping(part).get("text")
