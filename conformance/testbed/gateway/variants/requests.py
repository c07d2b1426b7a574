"""What a gateway may make of a request."""

import json
from dataclasses import replace
from typing import Any

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import GatewayChange, GatewayRequest, on_json, on_request


def _spaced(request: GatewayRequest) -> GatewayRequest:
    body = request.json
    return (
        replace(request, body=json.dumps(body, indent=1, ensure_ascii=True).encode()) if body is not None else request
    )


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"model": "upstream-model"}


VARIANTS = (
    GatewayChange(
        name="json-written-anew", title="Writes the JSON anew: equal values, other spaces", handle=on_request(_spaced)
    ),
    GatewayChange(
        name="model-alias",
        title="The upstream has another name for the model",
        policy=GatewayPolicy(model="upstream-model"),
        handle=on_json(_renamed),
    ),
)
