"""The harness's OpenAPI document of all APIs, composed of the schemas."""

import json
from functools import cache
from typing import Any, Final

from conformance import __version__, schemas
from conformance.apis.spec import ApiSpec, GenerationSpec
from conformance.apis.specs import GENERATIONS, SPECS
from conformance.model.words import Api

COMPONENTS: Final = "#/components/schemas/"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.2 document; do not mutate. `itemSchema` describes a stream's events."""
    names = (
        *(api.request_schema for api in SPECS.values()),
        *(api.response_schema for api in SPECS.values()),
        *(api.event_schema for api in GENERATIONS),
        "error",
    )
    return {
        "openapi": "3.2.0",
        "info": {"title": "OpenAI-compatible endpoints", "version": __version__},
        "paths": {api.path: {"post": _operation(name, api)} for name, api in SPECS.items()},
        "components": {"schemas": {name: _component(name) for name in names}},
    }


def _operation(name: Api, api: ApiSpec) -> dict[str, Any]:
    answer: dict[str, Any] = {"application/json": {"schema": _ref(api.response_schema)}}
    if api.generation:
        answer["text/event-stream"] = {"itemSchema": _event(api.generation)}
    return {
        "operationId": name,
        "summary": f"Create a model response ({api.title}).",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(api.request_schema)}}},
        "responses": {
            "200": {"description": "The response, as JSON or as an event stream.", "content": answer},
            "4XX": {"description": "An error.", "content": {"application/json": {"schema": {"type": "object"}}}},
        },
    }


def _event(generation: GenerationSpec) -> dict[str, Any]:
    """One event of a stream, whose data is JSON; those of OpenAI's older APIs end with `[DONE]`."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": _ref(generation.event_schema)}
    kinds = [data] if generation.terminal_events else [data, {"const": "[DONE]"}]
    return {
        "type": "object",
        "required": ["data"],
        "properties": {"event": {"type": "string"}, "data": {"anyOf": kinds}},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": COMPONENTS + name}


def _component(name: str) -> dict[str, Any]:
    """A schema with its references rewritten to the document's components."""
    own = {key: value for key, value in schemas.load(name).items() if key not in ("$schema", "$id")}
    text = json.dumps(own).replace('"#/$defs/', f'"{COMPONENTS}{name}/$defs/')
    for other in schemas.names():
        text = text.replace(f'"{other}{schemas.SUFFIX}#/', f'"{COMPONENTS}{other}/')
        text = text.replace(f'"{other}{schemas.SUFFIX}"', f'"{COMPONENTS}{other}"')
    composed: dict[str, Any] = json.loads(text)
    return composed
