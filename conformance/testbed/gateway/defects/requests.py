"""Defects in what a gateway makes of a request."""

from typing import Any

from conformance.testbed.gateway.handling import GatewayChange, on_json


def _without(*names: str) -> Any:
    return lambda body: {name: value for name, value in body.items() if name not in names}


DEFECTS = (
    GatewayChange(
        name="cap-dropped",
        title="Drops the token cap: the answer is as long as it gets",
        caught_by="GW001",
        handle=on_json(_without("max_tokens", "max_completion_tokens", "max_output_tokens")),
    ),
    GatewayChange(
        name="fields-added",
        title="Adds fields that nobody sent",
        caught_by="GW002",
        handle=on_json(lambda body: body | {"ignore_eos": False, "stream_reasoning": True}),
    ),
)
