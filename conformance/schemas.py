"""Load JSON Schemas by name: those of the APIs and of the harness, from the wheel or the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

SUFFIX = ".schema.json"
OWN = ("report", "run", "target", "waiver")
"""The schemas of the harness itself; the others are those of the APIs."""

Schema = dict[str, Any]


@cache
def load(name: str) -> Schema:
    """The schema of that name, for example `chat-chunk`; do not modify it. Raises FileNotFoundError."""
    schema: Schema = json.loads((_folder() / (name + SUFFIX)).read_text(encoding="utf-8"))
    return schema


@cache
def validator(name: str) -> "Draft202012Validator":
    """A validator of the schema of that name (JSON Schema, draft 2020-12), with references to the others resolved."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load(name), registry=_registry())


@cache
def names() -> tuple[str, ...]:
    """The names of all schemas, sorted."""
    return tuple(sorted(f.name.removesuffix(SUFFIX) for f in _folder().iterdir() if f.name.endswith(SUFFIX)))


@cache
def protocol_words() -> frozenset[str]:
    """The words of the APIs: the names of all members, and all fixed values, in their schemas."""
    found: set[str] = set()
    waiting: list[Any] = [load(name) for name in names() if name not in OWN]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            found.update(part["properties"] if isinstance(part.get("properties"), dict) else ())
            found.update(word for word in (part.get("const"), *part.get("enum", ())) if isinstance(word, str))
    return frozenset(found)


@cache
def _folder() -> Path:
    """The folder of schemas: inside the package in a wheel, next to it in the checkout."""
    inside = Path(__file__).parent / "schemas"
    return inside if inside.is_dir() else inside.parent.parent / "schemas"


@cache
def _registry() -> Any:
    from referencing import Registry, Resource

    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(load(uri.removesuffix(SUFFIX)))

    return Registry(retrieve=retrieve)  # type: ignore[call-arg]
