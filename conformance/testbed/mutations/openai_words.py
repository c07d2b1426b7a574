"""What OpenAI refuses beyond its API reference, in its words."""

from collections.abc import Collection, Iterator
from typing import Any

from conformance.testbed.mutations.mutate_dialects import Body, member, refused
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ModelResponse, ServerRequest

LEAST_OUTPUT = 16
"""The least `max_output_tokens`."""


def unsupported(name: str, code: str | None = "unsupported_parameter", instead: str = "") -> Refusal:
    """The model does not know this parameter."""
    hint = f" Use '{instead}' instead." if instead else ""
    return Refusal(
        message=f"Unsupported parameter: '{name}' is not supported with this model.{hint}", param=name, code=code
    )


def unsupported_value(name: str, value: Any, accepted: str) -> Refusal:
    """The model accepts only other values."""
    message = f"Unsupported value: '{name}' does not support {value} with this model. {accepted}"
    return Refusal(message=message, param=name, code="unsupported_value")


def empty(name: str) -> Refusal:
    """An array that must not be empty."""
    expected = "Expected an array with minimum length 1, but got an empty array instead."
    return Refusal(message=f"Invalid '{name}': empty array. {expected}", param=name, code="empty_array")


def chat_combinations(body: Body) -> Iterator[Refusal]:
    """What chat accepts only together with something else."""
    yield from (empty(name) for name in ("stop", "tools") if body.get(name) == [])
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        yield Refusal(message=message, param="max_tokens", code="invalid_parameter_combination")
    for name in ("parallel_tool_calls", "tool_choice"):
        if body.get(name) is not None and not body.get("tools"):
            message = f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified."
            yield Refusal(message=message, param=name)
    if body.get("metadata") and body.get("store") is not True:
        message = "The 'metadata' parameter is only allowed when 'store' is enabled."
        yield Refusal(message=message, param="metadata")


def least_cap(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Responses wants room for some tokens, as its reference says: refused in OpenAI's words."""
    cap = member(request.json, "max_output_tokens")
    if response.status != 400 or request.api != "responses" or not isinstance(cap, int) or cap >= LEAST_OUTPUT:
        return response
    limit = f"Expected a value >= {LEAST_OUTPUT}, but got {cap} instead."
    message = f"Invalid 'max_output_tokens': integer below minimum value. {limit}"
    refusal = Refusal(message=message, param="max_output_tokens", code="integer_below_min_value")
    return refused(response, request, refusal)


def strict_in_chat(body: Body) -> Iterator[Refusal]:
    """Strict schemas of chat that are not closed."""
    wanted = member(body, "response_format", "json_schema")
    if member(wanted, "strict") is True:
        for fault in open_objects(wanted.get("schema") or {}):
            message = f"Invalid schema for response_format '{wanted['name']}': {fault}"
            yield Refusal(message=message, param="response_format")
    for index, tool in enumerate(body.get("tools") or ()):
        yield from _open_function(tool.get("function") or {}, f"tools[{index}].function.parameters")


def strict_in_responses(body: Body) -> Iterator[Refusal]:
    """Strict schemas of Responses that are not closed."""
    wanted = member(body, "text", "format")
    if member(wanted, "strict") is True:
        for fault in open_objects(wanted.get("schema") or {}):
            message = f"Invalid schema for response_format '{wanted['name']}': {fault}"
            yield Refusal(message=message, param="text.format.schema", code="invalid_json_schema")
    for index, tool in enumerate(body.get("tools") or ()):
        yield from _open_function(tool, f"tools[{index}].parameters")


def _open_function(function: Body, param: str) -> Iterator[Refusal]:
    if function.get("strict") is not True:
        return
    for fault in open_objects(function.get("parameters") or {}):
        message = f"Invalid schema for function '{function['name']}': {fault}"
        yield Refusal(message=message, param=param, code="invalid_function_parameters")


def open_objects(schema: Any, *path: str) -> Iterator[str]:
    """The objects of a schema that allow further properties, or do not require all of theirs."""
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        where = f"In context={path}, "
        if schema.get("additionalProperties") is not False:
            yield f"{where}'additionalProperties' is required to be supplied and to be false."
        if missing := _unrequired(properties, schema.get("required")):
            rule = "'required' is required to be supplied and to be an array including every key in properties."
            yield f"{where}{rule} Missing '{missing}'."
    for name in ("properties", "$defs", "definitions"):
        group = schema.get(name)
        for key, inner in group.items() if isinstance(group, dict) else ():
            yield from open_objects(inner, *path, name, key)
    yield from open_objects(schema.get("items"), *path, "items")
    for index, inner in enumerate(schema["anyOf"] if isinstance(schema.get("anyOf"), list) else ()):
        yield from open_objects(inner, *path, "anyOf", str(index))


def _unrequired(properties: Any, required: Any) -> str:
    named: Collection[str] = required if isinstance(required, list) else ()
    return next((key for key in properties if key not in named), "") if isinstance(properties, dict) else ""
