"""Requests with the headers by which gateways route inside themselves, and requests that a gateway itself refuses."""

from typing import Final

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import CONVERSATIONAL, THROUGH_GATEWAYS, Api

ROUTING: Final = "routing"
STEERED_MODEL: Final = "steered-model"
STEERED_PATH: Final = "/v1/steered/chat/completions"
"""It ends like a path of an API, so that a request to it counts as an attempt."""
STEERED_HOST: Final = "steered.invalid"
MODEL_HEADERS: Final = (
    "x-ai-eg-model",
    "x-gateway-model-name",
    "x-higress-llm-model",
    "x-selected-model",
    "x-model-name",
)
PATH_HEADERS: Final = (
    "x-ai-eg-original-path",
    "x-envoy-original-path",
    "x-original-path",
    "x-original-url",
    "x-rewrite-url",
)
PLACE_HEADERS: Final = (
    "x-ai-eg-selected-backend",
    "x-gateway-destination-endpoint",
    "x-vsr-destination-endpoint",
    "x-envoy-original-dst-host",
)
STEERING: Final = RawRequest(
    headers=(
        *((name, STEERED_MODEL) for name in MODEL_HEADERS),
        *((name, STEERED_PATH) for name in PATH_HEADERS),
        *((name, STEERED_HOST) for name in PLACE_HEADERS),
    )
)
"""Headers that a gateway sets for itself, with values of the client's; what a client may set is not among them."""
WRONG_KEY: Final = "sk-canary-wrong-key"


def _steered(api: Api) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_HEADER,
        subject=ROUTING,
        purpose="A client that sets the headers by which gateways route inside themselves.",
        script="native-sse",
        modes=("unary",),
        raw=STEERING,
    )


def _cut_body(api: Api) -> bytes:
    """A body that ends within its JSON."""
    prompt = '"messages": [{"role": "user", "content": ' if api in CONVERSATIONAL else f'"{spec(api).prompt}": '
    return f'{{"model": "any", {prompt}"Hi ({{marker}})"'.encode()


def _refusals(api: Api) -> tuple[Probe, ...]:
    key_header = "x-api-key" if api == "messages" else "authorization"
    key = WRONG_KEY if api == "messages" else f"Bearer {WRONG_KEY}"
    return (
        Probe(
            api=api,
            kind=Kind.GATEWAY_REFUSAL,
            subject="invalid-json",
            purpose="A body that ends within its JSON, which any gateway that reads it refuses itself.",
            script="native-sse",
            modes=("unary",),
            raw=RawRequest(body=_cut_body(api)),
        ),
        Probe(
            api=api,
            kind=Kind.GATEWAY_REFUSAL,
            subject="unknown-model",
            purpose="A model that the gateway has no route for.",
            script="native-sse",
            modes=("unary",),
            build_body=lambda body, _mode: body | {"model": "no-such-model"},
        ),
        Probe(
            api=api,
            kind=Kind.GATEWAY_REFUSAL,
            subject="wrong-key",
            purpose="A key that the gateway did not give out.",
            script="native-sse",
            modes=("unary",),
            suite="full",
            raw=RawRequest(headers=((key_header, key),)),
        ),
    )


PROBES = tuple(probe for api in THROUGH_GATEWAYS for probe in (_steered(api), *_refusals(api)))
