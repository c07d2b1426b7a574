"""Tools: whether a call comes where it must, and none where it may not."""

from collections.abc import Iterator
from typing import Any

from conformance.model.exchange import APIS, MODES, Api, Mode
from conformance.model.probe import Probe, Suite
from conformance.probes.encoding import Offer, asking

WEATHER = "What is the weather in Oslo now? Call the tool."
TWICE = "What is the weather in Oslo, and what is it in Rome? Call the tool for each of both."


def tool(name: str, description: str, parameters: Any, **more: Any) -> dict[str, Any]:
    """What defines a tool, in no API's words."""
    return {"name": name, "description": description, "parameters": parameters} | more


def closed(**properties: Any) -> dict[str, Any]:
    """The schema of an object with these properties, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CITY_SCHEMA = closed(city={"type": "string", "description": "The name of a city."})
FORECAST = tool("get_weather", "Tell the weather in a city.", CITY_SCHEMA)
SIGN = tool(
    "paint_sign",
    "Paint a sign.",
    closed(
        place=closed(city={"type": "string", "enum": ["Zürich, 東京 🌙"]}),
        color={"type": "string", "enum": ["grün"]},
    ),
    strict=True,
)
"""A tool with one possible call: nested, and with letters of two, three and four octets."""
LONG = tool(
    "read_out",
    "Read a text out.",
    closed(text={"type": "string", "enum": ["one two three four five six seven eight nine ten eleven twelve"]}),
    strict=True,
)
"""A tool whose one possible call is longer than the cap under which it is asked for."""
TICK = tool("tick", "Let the clock tick.", closed())
KEYWORDS = tool(
    "book_trip",
    "Book a trip.",
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "BookTrip",
        "type": "object",
        "properties": {
            "unit": {"const": "celsius"},
            "days": {"type": "integer", "minimum": 1, "maximum": 7, "default": 1},
            "when": {"type": "string", "format": "date-time"},
            "where": {"$ref": "#/definitions/place"},
            "labels": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z]+$"},
                "additionalProperties": {"type": "string"},
            },
            "guests": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "examples": ["By the sea."]},
        },
        "required": ["unit"],
        "additionalProperties": False,
        "definitions": {"place": CITY_SCHEMA},
    },
)
"""The keywords that generators of schemas write, those of MCP servers among them."""

OF_FIELDS = ("", "none", "single")
"""The questions that show what becomes of `tool_choice`, and of the field that allows one call."""
TOOL = {"type": "function", "function": FORECAST}
"""A tool as Chat Completions writes it, for questions about another thing."""


def _probe(  # noqa: PLR0913 - a question is a record
    api: Api,
    about: str,
    purpose: str,
    text: str,
    offer: Offer,
    tokens: int,
    *,
    modes: tuple[Mode, ...] = MODES,
    suite: Suite = "gate",
) -> Probe:
    return Probe(
        name=f"{api}.tools.{about}" if about else f"{api}.tools",
        purpose=purpose,
        api=api,
        modes=modes,
        change=asking(api, text, tokens, offer),
        suite=suite,
        of_smoke=("stream",) if (api, about) == ("chat", "named") else (),
        of_fields=modes if about in OF_FIELDS else (),
        max_tokens=tokens,
    )


def _must(api: Api) -> Iterator[Probe]:
    """Questions that every gate asks."""
    yield _probe(
        api,
        "",
        "A tool must be called: the call's name, ID and arguments have to come whole.",
        WEATHER,
        Offer((FORECAST,), "required"),
        64,
    )
    yield _probe(
        api,
        "named",
        "One tool must be called, whose arguments have one possible value, though the prompt is about the other one.",
        WEATHER,
        Offer((FORECAST, SIGN), "paint_sign"),
        96,
    )
    yield _probe(
        api,
        "single",
        "A tool must be called once, though the prompt asks for two calls.",
        TWICE,
        Offer((FORECAST,), "required", alone=True),
        64,
    )
    yield _probe(
        api,
        "cut",
        "A tool must be called under a cap that leaves no room for its arguments.",
        "Read it out. Call the tool.",
        Offer((LONG,), "required"),
        12,
        modes=("stream",),
        suite="gate" if api == "chat" else "full",
    )


def _may(api: Api) -> Iterator[Probe]:
    """Questions of the full suite."""
    yield _probe(
        api,
        "none",
        "No tool may be called, though the prompt asks for it.",
        WEATHER,
        Offer((FORECAST,), "none"),
        32,
        suite="full",
    )
    yield _probe(
        api,
        "auto",
        "A tool may be called, and the prompt asks for it.",
        WEATHER,
        Offer((FORECAST, SIGN)),
        64,
        suite="full",
    )
    yield _probe(
        api,
        "several",
        "A tool must be called, and the prompt asks for two calls.",
        TWICE,
        Offer((FORECAST,), "required"),
        96,
        modes=("stream",),
        suite="full",
    )
    yield _probe(
        api,
        "no-arguments",
        "A tool must be called that takes no arguments.",
        "Let the clock tick. Call the tool.",
        Offer((TICK,), "required"),
        32,
        suite="full",
    )
    yield _probe(
        api,
        "keywords",
        "A tool must be called whose schema has the keywords that generators of schemas write.",
        "Book a trip. Call the tool.",
        Offer((KEYWORDS,), "required"),
        16,
        modes=("unary",),
        suite="full",
    )


TOOLS = tuple(probe for api in APIS for make in (_must, _may) for probe in make(api))
