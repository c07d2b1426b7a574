"""Make a value that satisfies a JSON Schema: the model's tool arguments and structured output."""

import math
from collections.abc import Callable
from typing import Any

MAX_VALUES = 2_000
MAX_LENGTH = 10_000
MAX_ITEMS = 50
FULL_DEPTH = 4
MAX_DEPTH = 32
SMALL, LARGE = 1e-9, 10**15

FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}
"""One string for each common `format`."""

Schema = dict[str, Any]


def instance_of(schema: Any) -> Any:
    """A value that satisfies the schema, as far as its keywords are known; never raises for any JSON value.

    Near the root every declared property is set, deeper down only the required ones, so that a schema with one valid
    value gets it and a recursive schema terminates. `pattern` is ignored.
    """
    return _Maker(schema).value(schema, 0)


class _Maker:
    """Makes the values of one schema document, up to MAX_VALUES."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.left = MAX_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            return None
        flat = self.flat(schema)
        if "const" in flat:
            return flat["const"]
        if isinstance(flat.get("enum"), list) and flat["enum"]:
            return flat["enum"][0]
        kind = _type(flat)
        if kind in ("object", "array"):
            return (self.object if kind == "object" else self.array)(flat, depth)
        return _SCALARS.get(kind, _string)(flat)

    def flat(self, schema: Any) -> Schema:
        """The schema with its references and the first of its alternatives merged in."""
        flat = schema if isinstance(schema, dict) else {}
        for _ in range(FULL_DEPTH * 2):
            if isinstance(flat.get("$ref"), str):
                parts = [self.target(flat["$ref"])]
            elif isinstance(flat.get("allOf"), list):
                parts = flat["allOf"]
            else:
                parts = [_first(flat.get("anyOf")) or _first(flat.get("oneOf"))]
            parts = [part for part in parts if isinstance(part, dict) and part]
            if not parts:
                break
            flat = _merged([{k: v for k, v in flat.items() if k not in ("$ref", "allOf", "anyOf", "oneOf")}, *parts])
        return flat

    def target(self, reference: str) -> Any:
        target = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        return target

    def object(self, schema: Schema, depth: int) -> Schema:
        properties = schema["properties"] if isinstance(schema.get("properties"), dict) else {}
        required = [n for n in _list(schema.get("required")) if isinstance(n, str)]
        names = [*properties, *required] if depth < FULL_DEPTH else required
        return {name: self.value(properties.get(name), depth + 1) for name in dict.fromkeys(names)}

    def array(self, schema: Schema, depth: int) -> list[Any]:
        first = [self.value(item, depth + 1) for item in _list(schema.get("prefixItems"))[:MAX_ITEMS]]
        least = _whole(schema.get("minItems"), 1 if depth < FULL_DEPTH and "maxItems" not in schema else 0)
        more = 0 if schema.get("items") is False else min(least, MAX_ITEMS) - len(first)
        return first + [self.value(schema.get("items"), depth + 1) for _ in range(more)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(alternatives: Any) -> Any:
    """The first alternative that is not just null."""
    options = [a for a in _list(alternatives) if isinstance(a, dict)]
    return next((a for a in options if a.get("type") != "null"), options[0] if options else None)


def _merged(parts: list[Schema]) -> Schema:
    merged: Schema = {}
    for part in parts:
        both = {k: merged[k] for k in ("properties", "required") if k in merged and k in part}
        merged |= part
        if isinstance(both.get("properties"), dict) and isinstance(part["properties"], dict):
            merged["properties"] = both["properties"] | part["properties"]
        if "required" in both:
            merged["required"] = _list(both["required"]) + _list(part["required"])
    return merged


def _type(schema: Schema) -> str:
    declared = schema.get("type")
    named = [t for t in (declared if isinstance(declared, list) else [declared]) if isinstance(t, str)]
    hinted = "object" if "properties" in schema or "required" in schema else "array" if "items" in schema else "string"
    return next((t for t in named if t != "null"), "null" if named else hinted)


def _number(schema: Schema) -> float:
    least = _bound(schema, "minimum", "exclusiveMinimum", 1)
    most = _bound(schema, "maximum", "exclusiveMaximum", -1)
    value = 1.0 if least is None else max(1.0, least)
    if most is not None and value > most:
        value = most if least is None else least
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and not isinstance(step, bool) and SMALL < step < LARGE:
        value = math.ceil(value / step) * step
    return value


def _integer(schema: Schema) -> int:
    return math.ceil(_number(schema))


def _bound(schema: Schema, inclusive: str, exclusive: str, inside: int) -> float | None:
    if _is_number(schema.get(inclusive)):
        return float(schema[inclusive])
    return schema[exclusive] + inside if _is_number(schema.get(exclusive)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGE


def _whole(value: Any, default: int) -> int:
    return int(value) if _is_number(value) and value >= 0 else default


def _string(schema: Schema) -> str:
    known = FORMATS.get(schema["format"]) if isinstance(schema.get("format"), str) else None
    text = known or "text"
    text = text.ljust(min(_whole(schema.get("minLength"), 0), MAX_LENGTH), "x")
    return text[: _whole(schema.get("maxLength"), len(text))]


_SCALARS: dict[str, Callable[[Schema], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda _: True,
    "null": lambda _: None,
}
