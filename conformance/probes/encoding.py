"""Build the API-specific fields of a probe: user message, cap, tools and tool choice."""

from typing import Any, NamedTuple

from conformance.model.words import WITH_CHOICES, Api, Mode
from conformance.probes.baseline import Change, Fields, token_cap, user_message

CHOICES = ("auto", "none", "required")


class Offer(NamedTuple):
    """Tools that may be called: each has name, description, `parameters` and perhaps `strict`.

    `choice` is auto, none, required, or the name of the tool that must be called; `alone`: at most one call.
    """

    tools: tuple[Fields, ...]
    choice: str = "auto"
    alone: bool = False


def usage_too(api: Api, mode: Mode) -> Fields:
    """The fields that request usage in a stream, if the API needs any."""
    return {"stream_options": {"include_usage": True}} if api in WITH_CHOICES and mode == "stream" else {}


def tools(api: Api, offer: Offer) -> Fields:
    """The fields for tools and tool choice; `auto` is the default and is left out."""
    if api == "messages":
        return _tools_of_messages(offer)
    nested = api == "chat"
    made = [{"type": "function", **({"function": t} if nested else t)} for t in offer.tools]
    named: Fields = {"type": "function", **({"function": {"name": offer.choice}} if nested else {"name": offer.choice})}
    choice = offer.choice if offer.choice in CHOICES else named
    required = {} if choice == "auto" else {"tool_choice": choice}
    return {"tools": made, **required, **({"parallel_tool_calls": False} if offer.alone else {})}


def _tools_of_messages(offer: Offer) -> Fields:
    made = [{("input_schema" if name == "parameters" else name): v for name, v in t.items()} for t in offer.tools]
    kind = {"required": "any"}.get(offer.choice, offer.choice)
    choice: Fields = {"type": kind} if offer.choice in CHOICES else {"type": "tool", "name": offer.choice}
    alone = {"disable_parallel_tool_use": True} if offer.alone else {}
    return {"tools": made} | ({"tool_choice": choice | alone} if offer.choice != "auto" or alone else {})


def request_encoding(api: Api, text: str, tokens: int, offer: Offer | None = None, /, **fields: Any) -> Change:
    """Send this text under a cap, with these tools and fields, and request usage."""
    added = user_message(api, text) | (tools(api, offer) if offer else {}) | fields | token_cap(api, tokens)
    return lambda body, mode: body | added | usage_too(api, mode)
