"""How each API says what a probe asks: the user's words, the cap, and which tools may be called."""

from typing import Any, NamedTuple

from conformance.model.exchange import Api, Mode
from conformance.probes.baseline import Change, Fields, cap, words

CHOICES = ("auto", "none", "required")


class Offer(NamedTuple):
    """Tools that may be called: each as name, description, `parameters` and perhaps `strict`.

    `choice` is auto, none, required, or the name of the tool that has to be called; `alone`: not more than one call.
    """

    tools: tuple[Fields, ...]
    choice: str = "auto"
    alone: bool = False


def usage_too(api: Api, mode: Mode) -> Fields:
    """What makes a stream tell its usage, where that has to be asked for."""
    return {"stream_options": {"include_usage": True}} if (api, mode) == ("chat", "stream") else {}


def tools(api: Api, offer: Offer) -> Fields:
    """The tools, and what is said of calling them; `auto` is left to be understood."""
    if api == "messages":
        return _tools_of_messages(offer)
    nested = api == "chat"
    made = [{"type": "function", **({"function": t} if nested else t)} for t in offer.tools]
    named: Fields = {"type": "function", **({"function": {"name": offer.choice}} if nested else {"name": offer.choice})}
    choice = offer.choice if offer.choice in CHOICES else named
    said = {} if choice == "auto" else {"tool_choice": choice}
    return {"tools": made, **said, **({"parallel_tool_calls": False} if offer.alone else {})}


def _tools_of_messages(offer: Offer) -> Fields:
    made = [{("input_schema" if name == "parameters" else name): v for name, v in t.items()} for t in offer.tools]
    kind = {"required": "any"}.get(offer.choice, offer.choice)
    choice: Fields = {"type": kind} if offer.choice in CHOICES else {"type": "tool", "name": offer.choice}
    alone = {"disable_parallel_tool_use": True} if offer.alone else {}
    return {"tools": made} | ({"tool_choice": choice | alone} if offer.choice != "auto" or alone else {})


def asking(api: Api, text: str, tokens: int, offer: Offer | None = None, /, **fields: Any) -> Change:
    """Ask this under a cap, with these tools and fields, and for the usage."""
    said = words(api, text) | (tools(api, offer) if offer else {}) | fields | cap(api, tokens)
    return lambda body, mode: body | said | usage_too(api, mode)
