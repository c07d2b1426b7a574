"""Tool calls: required, optional, or forbidden."""

from collections.abc import Iterator
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import CONVERSATIONAL, MODES, Api, Mode, Suite
from conformance.probes.encoding import Offer, request_encoding

WEATHER = "What is the weather in Oslo now? Call the tool."
TWICE = "What is the weather in Oslo, and what is it in Rome? Call the tool for each of both."


def tool(name: str, description: str, parameters: Any, **more: Any) -> dict[str, Any]:
    """A tool definition, independent of the API."""
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
"""A tool with one possible call: nested, and with characters of two, three and four bytes."""
LONG = tool(
    "read_out",
    "Read a text out.",
    closed(text={"type": "string", "enum": ["one two three four five six seven eight nine ten eleven twelve"]}),
    strict=True,
)
"""A tool whose only possible call is longer than the cap of its request."""
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
"""The JSON Schema keywords that schema generators write, including those of MCP servers."""

OF_FIELDS = ("", "none", "single")
"""The probes that show whether `tool_choice` and the field that allows only one call are honoured."""
TOOL = {"type": "function", "function": FORECAST}
"""A tool in Chat Completions format, for probes of other fields."""


def _probe(  # noqa: PLR0913 - a probe is a record
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
        kind=Kind.TOOLS,
        subject=about,
        purpose=purpose,
        api=api,
        modes=modes,
        build_body=request_encoding(api, text, tokens, offer),
        suite=suite,
        smoke_suite_modes=("stream",) if (api, about) == ("chat", "named") else (),
        field_suite_modes=modes if about in OF_FIELDS else (),
        max_tokens=tokens,
    )


def _must(api: Api) -> Iterator[Probe]:
    """Probes of the suite `gate`, and one that is `full` for some APIs."""
    yield _probe(
        api,
        "",
        "A tool call is required: its name, ID and arguments must be complete.",
        WEATHER,
        Offer((FORECAST,), "required"),
        64,
    )
    yield _probe(
        api,
        "named",
        "`tool_choice` names a tool with one possible call, though the prompt is about the other tool.",
        WEATHER,
        Offer((FORECAST, SIGN), "paint_sign"),
        96,
    )
    yield _probe(
        api,
        "single",
        "One tool call is required, and parallel calls are disabled, though the prompt requests two.",
        TWICE,
        Offer((FORECAST,), "required", alone=True),
        64,
    )
    yield _probe(
        api,
        "cut",
        "A tool call is required under a cap that truncates its arguments.",
        "Read it out. Call the tool.",
        Offer((LONG,), "required"),
        12,
        modes=("stream",),
        suite="gate" if api == "chat" else "full",
    )


def _may(api: Api) -> Iterator[Probe]:
    """Probes that do not require a call; one is in the suite `gate`, for all APIs but one."""
    yield _probe(
        api,
        "none",
        "`tool_choice` is none, though the prompt requests a call.",
        WEATHER,
        Offer((FORECAST,), "none"),
        32,
        suite="full",
    )
    yield _probe(
        api,
        "auto",
        "`tool_choice` is auto, and the prompt requests two calls.",
        TWICE,
        Offer((FORECAST, SIGN)),
        96,
        suite="full" if api == "messages" else "gate",
    )


def _must_in_full(api: Api) -> Iterator[Probe]:
    """Probes of the suite `full` that require a call."""
    yield _probe(
        api,
        "several",
        "A tool call is required, and the prompt requests two.",
        TWICE,
        Offer((FORECAST,), "required"),
        96,
        modes=("stream",),
        suite="full",
    )
    yield _probe(
        api,
        "no-arguments",
        "A call of a tool without parameters is required.",
        "Let the clock tick. Call the tool.",
        Offer((TICK,), "required"),
        32,
        suite="full",
    )
    yield _probe(
        api,
        "keywords",
        "A call of a tool is required whose schema has the keywords that schema generators write.",
        "Book a trip. Call the tool.",
        Offer((KEYWORDS,), "required"),
        16,
        modes=("unary",),
        suite="full",
    )


def _allowing(body: dict[str, Any], mode: Mode) -> Any:
    """A request for the weather, of whose tools only the other one may be called."""
    made = request_encoding("responses", WEATHER, 96, Offer((FORECAST, SIGN), "required"))(body, mode)
    allowed = [{"type": "function", "name": SIGN["name"]}]
    return made | {"tool_choice": {"type": "allowed_tools", "mode": "required", "tools": allowed}}


ALLOWED = Probe(
    kind=Kind.TOOLS,
    subject="allowed",
    purpose="`tool_choice` allows one of two tools, though the prompt is about the other one.",
    api="responses",
    build_body=_allowing,
    suite="full",
    max_tokens=96,
)
TOOLS = tuple(probe for api in CONVERSATIONAL for make in (_must, _may, _must_in_full) for probe in make(api))
