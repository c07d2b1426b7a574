"""Wrong types in nested fields of messages, content parts, tools and formats, for the suite `fields`."""

from collections.abc import Iterator
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import Api, Mode
from conformance.probes.baseline import Fields, token_cap, user_message, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import FORECAST
from conformance.probes.types import WRONG_OBJECT, WRONG_SCALAR

Place = dict[str, Fields]
"""For each field path, request fields that have a wrong value at that path."""

SCHEMA: Fields = {"type": "object", "properties": {"city": {"type": "string"}}}
FORMAT: Fields = {"name": "city", "strict": False, "schema": SCHEMA}


def _purpose(api: Api, **changes: Any) -> Fields:
    """A baseline request whose message has these fields."""
    (name, _), *_ = user_message(api, "").items()
    return {name: [{"role": "user", "content": "Say hello."} | changes]}


def _part(api: Api, kind: str, **value: Any) -> Fields:
    """A baseline request whose message is one content part."""
    return _purpose(api, content=[{"type": kind} | value])


def _offered(api: Api, **changes: Any) -> Fields:
    """A tool with these changes."""
    return tools(api, Offer((FORECAST | changes,)))


def _of_chat() -> Place:
    places = {f"messages.{name}": _purpose("chat", **{name: WRONG_SCALAR}) for name in ("content", "name")}
    for kind in ("text", "image_url", "input_audio", "file"):
        wrong = WRONG_SCALAR if kind == "text" else WRONG_OBJECT
        places[f"messages.content.{kind}"] = _part("chat", kind, **{kind: wrong})
    for name in ("description", "strict"):
        places[f"tools.function.{name}"] = _offered("chat", **{name: WRONG_SCALAR})
    places["tools.function.parameters"] = _offered("chat", parameters=WRONG_OBJECT)
    for name in ("strict", "schema"):
        wrong = WRONG_OBJECT if name == "schema" else WRONG_SCALAR
        sent = {"type": "json_schema", "json_schema": FORMAT | {name: wrong}}
        places[f"response_format.json_schema.{name}"] = {"response_format": sent}
    return places


def _of_messages() -> Place:
    named: Fields = {"type": "tool", "name": WRONG_SCALAR}
    return {
        "messages.content": _purpose("messages", content=WRONG_SCALAR),
        "messages.content.text": _part("messages", "text", text=WRONG_SCALAR),
        "messages.content.source": _part("messages", "image", source="unexpected"),
        "messages.content.cache_control": _part("messages", "text", text="Say hello.", cache_control=WRONG_OBJECT),
        "system.text": {"system": [{"type": "text", "text": WRONG_SCALAR}]},
        "tools.description": _offered("messages", description=WRONG_SCALAR),
        "tools.input_schema": _offered("messages", parameters=WRONG_OBJECT),
        "tool_choice.name": tools("messages", Offer((FORECAST,))) | {"tool_choice": named},
        "metadata.user_id": {"metadata": {"user_id": WRONG_SCALAR}},
        "thinking.budget_tokens": {"thinking": {"type": "enabled", "budget_tokens": WRONG_SCALAR}},
    }


def _of_responses() -> Place:
    formats = {
        name: FORMAT | {name: WRONG_OBJECT if name == "schema" else WRONG_SCALAR} for name in ("strict", "schema")
    }
    return {
        "input.content": _purpose("responses", content=WRONG_SCALAR),
        "input.content.text": _part("responses", "input_text", text=WRONG_SCALAR),
        "input.content.image_url": _part("responses", "input_image", image_url=WRONG_SCALAR),
        **{f"tools.{name}": _offered("responses", **{name: WRONG_SCALAR}) for name in ("description", "strict")},
        "tools.parameters": _offered("responses", parameters="unexpected"),
        **{f"text.format.{name}": {"text": {"format": {"type": "json_schema"} | f}} for name, f in formats.items()},
        "text.verbosity": {"text": {"verbosity": WRONG_SCALAR}},
        "reasoning.effort": {"reasoning": {"effort": WRONG_SCALAR}},
    }


STREAMED: dict[Api, Place] = {
    "chat": {"stream_options.include_obfuscation": {"stream_options": {"include_obfuscation": WRONG_SCALAR}}},
    "responses": {"stream_options.include_obfuscation": {"stream_options": {"include_obfuscation": WRONG_SCALAR}}},
}
PLACES: dict[Api, Place] = {"chat": _of_chat(), "messages": _of_messages(), "responses": _of_responses()}


def _wrong(places: dict[Api, Place], mode: Mode) -> Iterator[Probe]:
    for api, fields_at in places.items():
        for about, fields in fields_at.items():
            yield Probe(
                kind=Kind.WRONG_TYPE,
                subject=about,
                purpose=f"`{about}` has a wrong type, which must be rejected, not silently ignored.",
                api=api,
                modes=(mode,),
                build_body=with_fields(**fields, **token_cap(api, 1)),
                suite="fields",
                field_suite_modes=(mode,),
                max_tokens=1,
            )


NESTED_FIELDS = (*_wrong(PLACES, "unary"), *_wrong(STREAMED, "stream"))
