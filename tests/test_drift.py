"""The API schemas include every field of the installed SDKs."""

import typing
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Annotated, Required

import pytest
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

from conformance import schemas
from conformance.parsing.json_values import as_object

SENT_AS_HEADERS = ("user_profile_id", "workspace_id")
BRANCHES = ("allOf", "anyOf", "oneOf")


def models(kind) -> Iterator[type]:
    """The object types that an annotation allows, in a list or not."""
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        yield kind
    elif typing.get_origin(kind) not in (typing.Literal, dict):
        for part in typing.get_args(kind):
            yield from models(part)


def fields(model) -> dict:
    """The fields of an object by their JSON names, with their annotations."""
    if issubclass(model, BaseModel):
        return {f.alias or name: f.annotation for name, f in model.model_fields.items()}
    hints = get_type_hints(model, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in SENT_AS_HEADERS}


def tags(model) -> dict:
    """The values of an object's discriminator fields, such as `type` or `role`."""
    found = {name: tuple(words(kind)) for name, kind in fields(model).items()}
    return {name: spoken for name, spoken in found.items() if spoken}


def words(kind) -> Iterator[str]:
    """The literals that an annotation allows, if it allows nothing else."""
    if typing.get_origin(kind) is typing.Literal:
        yield from (word for word in typing.get_args(kind) if isinstance(word, str))
    elif typing.get_origin(kind) in (Annotated, Required):
        yield from words(typing.get_args(kind)[0])


class Node(typing.NamedTuple):
    """A subschema, and the document that its references resolve in."""

    schema: dict
    document: dict

    def follow(self, schema) -> "Node":
        """A subschema, with its reference resolved."""
        node = Node(schema, self.document)
        while "$ref" in as_object(node.schema):
            name, _, pointer = node.schema["$ref"].partition("#")
            document = schemas.load(name.removesuffix(schemas.SUFFIX)) if name else node.document
            target = document
            for step in pointer.strip("/").split("/") if pointer else ():
                target = target[step]
            node = Node(target, document)
        return node._replace(schema=as_object(node.schema))


def applicable(node: Node, told: dict) -> Iterator[Node]:
    """The parts of a schema that apply to an object with these discriminator values."""
    schema = node.schema
    if not allows(schema, told):
        return
    yield node
    inner = [branch for key in BRANCHES for branch in schema.get(key, ())]
    if "if" in schema:
        inner.append(schema.get("then" if allows(schema["if"], told) else "else", {}))
    if "items" in schema:
        inner.append(schema["items"])
    for branch in inner:
        yield from applicable(node.follow(branch), told)


def allows(schema: dict, told: dict) -> bool:
    """Whether a schema allows the object's value in each discriminator field."""
    for name, kind in schema.get("properties", {}).items():
        listed = [kind["const"]] if "const" in as_object(kind) else as_object(kind).get("enum")
        if listed and name in told and not set(listed) & set(told[name]):
            return False
    return True


def is_open(node: Node) -> bool:
    """Whether a schema leaves an object's fields open, as for tools that vendors run themselves."""
    return node.schema.get("additionalProperties") is True


def unknown(node: Node, model, path: str, seen: frozenset = frozenset()) -> Iterator[str]:
    """The fields of an object, below a path, that the schema does not name; a part without fields is open."""
    parts = list(applicable(node, tags(model)))
    named: dict[str, list[Node]] = {}
    for part in parts:
        for name, schema in part.schema.get("properties", {}).items():
            named.setdefault(name, []).append(part.follow(schema))
    key = (model, *(id(part.schema) for part in parts))
    if key in seen or set(named) <= {"type", "role"} or any(is_open(part) for part in parts):
        return
    for name, kind in fields(model).items():
        where = f"{path}.{name}" if path else name
        if name not in named:
            yield f"{where} ({model.__name__})"
        for below in models(kind) if name in named else ():
            for place in named[name]:
                yield from unknown(place, below, where, seen | {key})


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("chat-request", "openai.types.chat.completion_create_params:CompletionCreateParams"),
        ("chat-completion", "openai.types.chat:ChatCompletion"),
        ("chat-chunk", "openai.types.chat:ChatCompletionChunk"),
        ("messages-request", "anthropic.types.message_create_params:MessageCreateParams"),
        ("messages-request", "anthropic.types:MessageCountTokensParams"),
        ("messages-message", "anthropic.types:Message"),
        ("messages-event", "anthropic.types:RawMessageStreamEvent"),
        ("completions-request", "openai.types.completion_create_params:CompletionCreateParams"),
        ("completions-response", "openai.types:Completion"),
        ("completions-chunk", "openai.types:Completion"),
        ("responses-request", "openai.types.responses.response_create_params:ResponseCreateParams"),
        ("responses-response", "openai.types.responses:Response"),
        ("responses-event", "openai.types.responses:ResponseStreamEvent"),
    ],
)
def test_a_schema_knows_the_fields_that_the_sdk_knows(name, known):
    known = resolve_name(known)  # not imported at the top: every worker imports this file, and the SDKs take a second
    document = schemas.load(name)
    missing = {
        field for model in models(known) for field in unknown(Node(document, document).follow(document), model, "")
    }
    assert sorted(missing) == []


def test_a_field_that_a_schema_does_not_know_is_reported_by_its_name():
    known = resolve_name("openai.types.chat:ChatCompletion")
    document = {"properties": {"usage": {"properties": {}}, "id": {}}}
    found = list(unknown(Node(document, document), known, ""))
    assert "choices (ChatCompletion)" in found
    document = schemas.load("chat-completion")
    usage = document["$defs"]["usage"]["properties"]
    less = {name: schema for name, schema in usage.items() if name != "total_tokens"}
    changed = document | {"$defs": document["$defs"] | {"usage": {"type": "object", "properties": less}}}
    assert list(unknown(Node(changed, changed), known, "")) == ["usage.total_tokens (CompletionUsage)"]
