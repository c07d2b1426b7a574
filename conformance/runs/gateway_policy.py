"""The JSON schema of a gateway's policy in a targets file, made from its struct: a file accepts exactly its fields."""

from functools import cache
from typing import Any, Final

import msgspec

from conformance.model.target import GatewayPolicy

Schema = dict[str, Any]

SIMPLE: Final[dict[str, Schema]] = {
    "boolean": {"description": "true or false"},
    "integer": {"description": "a whole number, 0 or more", "minimum": 0},
    "number": {"description": "a number, 0 or more", "minimum": 0},
    "string": {"description": "text that is not empty", "minLength": 1},
}
"""What is accepted of a type, in words, and what JSON Schema says of it besides."""


@cache
def gateway_schema() -> Schema:
    """The schema of `[targets.NAME.policy.gateway]`; do not modify it."""
    definitions = msgspec.json.schema(GatewayPolicy)["$defs"]
    return _described(definitions[GatewayPolicy.__name__], definitions)


def _described(part: Schema, definitions: dict[str, Schema]) -> Schema:
    """A part of the struct's schema, with what is accepted in words; TOML has no null."""
    while "$ref" in part or "anyOf" in part:
        one = definitions.get(part.get("$ref", "").rpartition("/")[2])
        part = one or next(one for one in part["anyOf"] if one.get("type") != "null")
    if "enum" in part:
        return {"description": ", ".join(map(str, part["enum"])), "enum": part["enum"]}
    kind = part["type"]
    if kind == "array":
        items = _described(part.get("items", {"type": "string"}), definitions)
        return {"description": f"a list, each item of which is {items['description']}", "type": kind, "items": items}
    if "properties" in part:
        return _table(part["properties"], definitions)
    if kind == "object":
        each = _described(part.get("additionalProperties", {"type": "string"}), definitions)
        return {"description": f"a table of {each['description']}", "type": kind, "additionalProperties": each}
    return {"type": kind} | SIMPLE[kind]


def _table(members: dict[str, Schema], definitions: dict[str, Schema]) -> Schema:
    described = {name: _described(member, definitions) for name, member in members.items()}
    named = f"a table with {', '.join(described)}"
    return {"description": named, "type": "object", "properties": described, "additionalProperties": False}
