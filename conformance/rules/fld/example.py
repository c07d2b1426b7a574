"""Requests with an invalid field, and responses to them, for the examples."""

from typing import Any

from conformance.rules.example import answered, completion, error

Facts = dict[str, Any]

WRONG = {"unexpected": True}
MISTYPED: Facts = {
    "probe": "chat.wrong-type.temperature",
    "body": {"model": "m", "temperature": WRONG, "max_tokens": 1},
}
USER: Facts = {"probe": "chat.wrong-type.user", "body": {"model": "m", "user": WRONG, "max_tokens": 1}}
CANARY: Facts = {"probe": "chat.unknown-field.x_canary", "body": {"model": "m", "x_canary": 1}}
NESTED: Facts = {"probe": "chat.unknown-field.messages.x_canary", "body": {"model": "m", "messages": [{"x_canary": 1}]}}
NAMED = error("'temperature' must be a number.", param="temperature", code="invalid_type")
UNNAMED = error("Bad request.")
UNKNOWN = error("Unknown field: x_canary.", param="x_canary", code="unknown_parameter")
WARNED = (("content-type", "application/json"), ("x-ignored-params", "x_canary"))
BASELINE_RESPONSE = answered(completion())
