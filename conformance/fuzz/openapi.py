"""The harness's OpenAPI document of the three APIs, composed of the schemas."""

import json
from functools import cache
from operator import attrgetter
from typing import Any, Final

from conformance import __version__, schemas
from conformance.apis.specs import SPECS, spec
from conformance.model.words import APIS, Api

COMPONENTS: Final = "#/components/schemas/"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.2 document; do not mutate. `itemSchema` describes a stream's events."""
    kinds = attrgetter("request_schema", "response_schema", "event_schema")
    names = (*(name for of_kind in zip(*map(kinds, SPECS), strict=True) for name in of_kind), "error")
    return {
        "openapi": "3.2.0",
        "info": {"title": "OpenAI-compatible endpoints", "version": __version__},
        "paths": {spec(api).path: {"post": _operation(api)} for api in APIS},
        "components": {"schemas": {name: _component(name) for name in names}},
    }


def _operation(api: Api) -> dict[str, Any]:
    answer = {
        "application/json": {"schema": _ref(spec(api).response_schema)},
        "text/event-stream": {"itemSchema": _event(api)},
    }
    return {
        "operationId": api,
        "summary": f"Create a model response ({spec(api).title}).",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(spec(api).request_schema)}}},
        "responses": {
            "200": {"description": "The response, as JSON or as an event stream.", "content": answer},
            "4XX": {"description": "An error.", "content": {"application/json": {"schema": {"type": "object"}}}},
        },
    }


def _event(api: Api) -> dict[str, Any]:
    """One event of a stream, whose data is JSON; Chat Completions end with `[DONE]`."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": _ref(spec(api).event_schema)}
    kinds = [data, {"const": "[DONE]"}] if not spec(api).terminal_events else [data]
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
