"""Reject what an API does not document or this server does not support, naming the field."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from conformance import schemas
from conformance.apis.specs import spec
from conformance.model.words import Api
from conformance.testbed.server.endpoints import endpoint
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ServerRequest

CODES = {
    "type": "invalid_type",
    "required": "missing_required_parameter",
    "additionalProperties": "unknown_parameter",
}
"""The error code for a failed schema keyword; `invalid_value` for any other."""

LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minItems": "must have {} or more items",
    "maxItems": "must have no more than {} items",
    "minLength": "must have {} or more characters",
    "maxLength": "must have no more than {} characters",
    "maxProperties": "must have no more than {} entries",
    "pattern": "must match {}",
}
TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
LONGEST_NAME = 100


def invalid(request: ServerRequest) -> Refusal | None:
    """The first error of a request whose body is a JSON object, or None."""
    has_beta = any(header == "anthropic-beta" for header, _ in request.headers)
    return _first_error(request.api or "chat", json.dumps(request.json), has_beta)


@lru_cache(maxsize=2048)
def _first_error(api: Api, body: str, has_beta: bool) -> Refusal | None:  # noqa: FBT001 - a key of the cache
    """As `invalid`, for a body as JSON text; cached because clients repeat bodies and schema validation is slow."""
    value = json.loads(body)
    errors: Iterator[Any] = schemas.validator(spec(api).request_schema).iter_errors(value)
    refusals = (_refusal(error) for error in errors)
    if has_beta:
        refusals = (r for r in refusals if r.code != CODES["additionalProperties"])
    return next(refusals, None) or next(endpoint(api).unsupported(value), None)


def _refusal(error: Any) -> Refusal:
    """A schema error as a refusal that names the field by its path."""
    keyword = str(error.validator)
    names: list[str | int] = list(error.absolute_path)
    if keyword == "required":
        names.append(next(n for n in error.validator_value if n not in error.instance))
    elif keyword == "additionalProperties":
        names.append(next(n for n in error.instance if n not in error.schema["properties"]))
    param = path_of(names)
    message = f"'{param}' {_complaint(keyword, error)}." if names else f"The body {_complaint(keyword, error)}."
    return Refusal(message=message, param=param or None, code=CODES.get(keyword, "invalid_value"))


def path_of(names: Iterable[str | int]) -> str:
    """A field's path as the APIs write it: `tools[0].function.strict`."""
    parts = (f"[{n}]" if isinstance(n, int) else f".{n[:LONGEST_NAME]}" for n in names)
    return "".join(parts).removeprefix(".")


def _complaint(keyword: str, error: Any) -> str:
    if keyword == "required":
        return "is required"
    if keyword == "additionalProperties":
        return "is not a field that this API knows"
    if keyword == "type":
        wanted = error.validator_value
        accepted = " or ".join([wanted] if isinstance(wanted, str) else wanted)
        return f"must be of type {accepted}, not {TYPES[type(error.instance)]}"
    if keyword == "enum":
        return "must be one of " + ", ".join(str(v) for v in error.validator_value if v is not None)
    return LIMITS.get(keyword, "is not acceptable").format(error.validator_value)
