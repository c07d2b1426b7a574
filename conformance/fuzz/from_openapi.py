"""Requests that Schemathesis generates from an OpenAPI document, valid and invalid ones."""

from typing import Any, Final

import schemathesis
from schemathesis import GenerationMode

from conformance import schemas
from conformance.apis.specs import caps, spec
from conformance.fuzz.case import Case
from conformance.fuzz.cases import Strategy, hello, mode_of, to_json
from conformance.model.case import Kind
from conformance.model.words import Api
from conformance.parsing.json_values import as_object
from conformance.probes.baseline import token_cap
from conformance.probes.types import WRONG_OBJECT, WRONG_SCALAR

MODES: Final = {"valid": GenerationMode.POSITIVE, "invalid": GenerationMode.NEGATIVE}
DEEPEST: Final = 8
"""Maximum depth of nested schemas."""
MOST: Final = 16
"""Token cap of generated requests; `n` is capped at 2."""


def kinds(document: dict[str, Any], path: str, api: Api, model: str, name: str = "") -> dict[str, Strategy]:
    """The strategies for one path of a document. Raises KeyError if it is missing."""
    operation = schemathesis.openapi.from_dict(document)[path]["POST"]

    def made(kind: str, mode: GenerationMode) -> Strategy:
        return operation.as_strategy(generation_mode=mode).map(lambda c: _case(c.body, api, model, kind)).filter(bool)

    return {f"{name}{kind}": made(f"{name}{kind}", mode) for kind, mode in MODES.items()}


def _case(body: Any, api: Api, model: str, about: str) -> Case | None:
    """A case with a generated body, the target's model and a token cap; None if there is no body."""
    if isinstance(body, bytes):
        return Case(Kind.FUZZ, about, "", "unary", body)
    if not isinstance(body, dict | list | str | int | float | bool | None):
        return None
    if isinstance(body, dict):
        body = _bounded(body, api, model)
    return Case(Kind.FUZZ, about, "", mode_of(body), to_json(body))


def _bounded(body: dict[str, Any], api: Api, model: str) -> dict[str, Any]:
    named = {"model": model} if isinstance(body.get("model"), str) else {}
    bounded = {name: min(body[name], MOST) for name in (*caps(api), "n") if _is_count(body, name)}
    if "n" in bounded:
        bounded["n"] = min(bounded["n"], 2)
    return token_cap(api, MOST) | body | named | bounded


def _is_count(body: dict[str, Any], name: str) -> bool:
    return isinstance(body.get(name), int | float) and not isinstance(body[name], bool)


def documented(document: Any, path: str) -> dict[str, Any]:
    """The request fields that a document defines, with their schemas; empty if none."""
    operation = as_object(as_object(as_object(as_object(document).get("paths")).get(path)).get("post"))
    content = as_object(as_object(operation.get("requestBody")).get("content"))
    schema = as_object(as_object(content.get("application/json")).get("schema"))
    return _fields(schema, document, 0)


def _fields(schema: Any, document: Any, depth: int) -> dict[str, Any]:
    """The properties of a schema and of its `allOf`, `anyOf` and `oneOf` parts."""
    found = as_object(_resolved(schema, document))
    parts = [part for word in ("allOf", "anyOf", "oneOf") for part in listed(found.get(word))]
    inner = [_fields(part, document, depth + 1) for part in parts] if depth < DEEPEST else []
    return {name: kind for fields in (*inner, as_object(found.get("properties"))) for name, kind in fields.items()}


def _resolved(schema: Any, document: Any) -> Any:
    """Resolve a reference inside the document."""
    pointer = as_object(schema).get("$ref")
    if not isinstance(pointer, str) or not pointer.startswith("#/"):
        return schema
    found = document
    for step in pointer[2:].split("/"):
        found = as_object(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def mistyped(document: Any, path: str, api: Api, model: str) -> list[Case]:
    """One wrong-type case per field that only the target's document defines; a server that reads it must reject it."""
    ours = schemas.load(spec(api).request_schema)["properties"]
    fields = {name: kind for name, kind in documented(document, path).items() if name not in ours}
    good = hello(api, model)
    wrong = {
        name: WRONG_OBJECT if as_object(kind).get("type") == "object" else WRONG_SCALAR for name, kind in fields.items()
    }
    return [
        Case(Kind.WRONG_TYPE, name, "", "unary", to_json(good | {name: value})) for name, value in sorted(wrong.items())
    ]
