"""Make a value that satisfies a JSON Schema: what the model fills into tools and structured answers."""

from typing import Any

MAX_DEPTH = 12
FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}
"""One string of each format that models are asked for."""


def instance_of(schema: Any) -> Any:
    """A value that satisfies the schema, as far as its keywords are known; never raises for any JSON value.

    Every declared property is given, so that a schema with one possible answer gets that answer.
    """
    return _instance(schema, schema, 0)


def _instance(schema: Any, root: Any, depth: int) -> Any:
    schema = _resolved(schema, root)
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None if depth > MAX_DEPTH else {} if depth == 0 else "text"
    if "const" in schema:
        return schema["const"]
    for keyword in ("enum", "examples"):
        if isinstance(schema.get(keyword), list) and schema[keyword] and keyword == "enum":
            return schema[keyword][0]
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return _instance(_merged([schema, schema[keyword][0]], keyword), root, depth + 1)
    if isinstance(schema.get("allOf"), list):
        parts = [_resolved(part, root) for part in schema["allOf"]]
        return _instance(_merged([schema, *parts], "allOf"), root, depth + 1)
    return _of_type(_type(schema), schema, root, depth)


def _resolved(schema: Any, root: Any) -> Any:
    """Follow local references, a bounded number of steps."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            return schema
        target = root
        for part in schema["$ref"].removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        schema = target
    return None
