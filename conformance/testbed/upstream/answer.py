"""The response to one request: text with its nonce, the attempt and numbered words, and usage that names the attempt.

Pure. The server is lenient, as most upstreams are: it accepts any model, and ignores fields that it does not know.
"""

import json
import re
import zlib
from dataclasses import replace
from typing import Any, Final, NamedTuple

from conformance.apis.nonce import Marker, marker
from conformance.apis.specs import spec
from conformance.model.words import APIS, Api
from conformance.testbed.server.deployments import (
    COUNT_TOKENS,
    CREATED,
    MODEL,
    MODELS,
    Deployment,
    compliant,
    reply_to,
)
from conformance.testbed.server.endpoints import PATHS, VERSION
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse
from conformance.testbed.server.validate import CODES, invalid
from conformance.testbed.upstream.find import find

STEP: Final = re.compile(r"[^.\[\]]+")
"""One step of a path such as `messages[0].name`."""
MOST_UNKNOWN: Final = 100
"""Unknown fields of one request that are ignored."""
PROMPT_FIELDS: Final = ("prompt_tokens", "input_tokens", "total_tokens")
ATTEMPT, VARIETY = 1000, 900
"""Prompt tokens that each attempt adds, and how many different numbers of further ones there are."""
MOST_NONCES: Final = 10_000
"""Nonces whose requests are counted; those that came first are forgotten first."""
HEALTH: Final = re.compile(
    r"/((.*/)?(health|healthz|health_generate|ready|readyz|readiness|live|livez|liveness|ping|status))?/?"
)
"""Paths of health checks: each gateway looks at its own one whether its upstream is up."""


class Offer(NamedTuple):
    """What the upstreams offer: the APIs, and the models that they list; any other name is accepted, too."""

    apis: tuple[Api, ...] = APIS
    models: tuple[str, ...] = (MODEL,)


EVERYTHING: Final = Offer()


def lenient(request: ServerRequest) -> ModelResponse:
    """A correct response to a request for any model, without the fields that the API does not document."""
    if not isinstance(request.json, dict) or not isinstance(request.json.get("model"), str):
        return compliant(request)
    known = _known(replace(request, json=request.json | {"model": MODEL}))
    return _renamed(compliant(known), request.json["model"])


def _known(request: ServerRequest) -> ServerRequest:
    for _ in range(MOST_UNKNOWN):
        refusal = invalid(request)
        if refusal is None or refusal.code != CODES["additionalProperties"] or not refusal.param:
            break
        known = _without(request.json, STEP.findall(refusal.param))
        if known == request.json:  # the name has a dot or bracket itself, so that its path does not lead to it
            break
        request = replace(request, json=known)
    return request


def _without(value: Any, path: list[str]) -> Any:
    """The value without the member at a path, in which lists are entered at their numbers."""
    first, *rest = path
    if isinstance(value, list) and first.isdecimal() and int(first) < len(value):
        return [_without(item, rest) if at == int(first) and rest else item for at, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if rest:
        return {name: _without(item, rest) if name == first else item for name, item in value.items()}
    return {name: item for name, item in value.items() if name != first}


UPSTREAM: Final = Deployment(name="upstream", title="Responds as its scripts say", respond=lenient)


def answer(
    request: ServerRequest, attempts: dict[str, int], upstream: int = 0, offer: Offer = EVERYTHING
) -> WireResponse:
    """The response to a request at the upstream of this number. `attempts` counts the requests with each nonce."""
    is_offered = request.api in offer.apis and request.path in (*PATHS, COUNT_TOKENS)
    found = marker(request.body) if is_offered else None
    if not is_offered:
        return reply_to(request, replace(UPSTREAM, respond=lambda sent: _elsewhere(sent, offer)))
    if found is None:
        return reply_to(request, UPSTREAM)
    script = find(found.script)
    if script is None:
        message = f"The upstream has no script {found.script[:80]!r}; `conformance list scripts` lists them."
        return refused(request, Refusal(message=message, code="unknown_script"))
    attempt = _counted(found.nonce, attempts)
    numbered = _numbered(request, found, attempt)
    return reply_to(numbered, UPSTREAM, (_with_usage(found, attempt), *script.changes(attempt, upstream)))


def refused(request: ServerRequest, refusal: Refusal) -> WireResponse:
    """A refusal in the format of the request's API."""
    return reply_to(request, replace(UPSTREAM, respond=lambda sent: refuse(refusal, sent)))


def _elsewhere(request: ServerRequest, offer: Offer) -> ModelResponse:
    """The response at a path that is of no offered API: models, a health check, or 404."""
    if request.method in ("GET", "HEAD"):
        if request.path == MODELS:
            return ModelResponse(whole={"object": "list", "data": [_model(name) for name in offer.models]})
        if request.path.startswith(f"{MODELS}/"):
            return ModelResponse(whole=_model(request.path.removeprefix(f"{MODELS}/")))
        if HEALTH.fullmatch(request.path):
            return ModelResponse(whole={"status": "ok"})
    if request.path == MODELS:
        return compliant(request)
    offered = ", ".join(VERSION + spec(api).path for api in APIS if api in offer.apis)
    message = f"The upstream serves nothing at {request.path[:200]}, only {offered} and {MODELS}."
    return refuse(Refusal(status=404, message=message, code="unknown_url"), request)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "oai-conformance"}


def _counted(nonce: str, attempts: dict[str, int]) -> int:
    """The number of the request among those with its nonce."""
    attempt = attempts[nonce] = attempts.get(nonce, 0) + 1
    if len(attempts) > MOST_NONCES:
        del attempts[next(iter(attempts))]
    return attempt


def _numbered(request: ServerRequest, found: Marker, attempt: int) -> ServerRequest:
    """The request with the attempt in place of the script's name, as the model looks for it."""
    body = request.body.replace(str(found).encode(), f"{found.nonce}:{attempt}".encode())
    try:
        return replace(request, body=body, json=json.loads(body))
    except ValueError:
        return replace(request, body=body)


def _with_usage(found: Marker, attempt: int) -> Mutation:
    more = ATTEMPT * attempt + zlib.crc32(found.nonce.encode()) % VARIETY

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        events = response.events and tuple(
            replace(event, data=_with_tokens(event.data, more)) for event in response.events
        )
        return replace(response, whole=_with_tokens(response.whole, more), events=events)

    return Mutation(name="counted", title="Usage that tells requests and attempts apart", on_response=change)


def _with_tokens(value: Any, more: int) -> Any:
    """A response or event with more prompt tokens in its usage."""
    if isinstance(value, list):
        return [_with_tokens(item, more) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _more(item, more) if name == "usage" and isinstance(item, dict) else _with_tokens(item, more)
        for name, item in value.items()
    }


def _more(usage: dict[str, Any], more: int) -> dict[str, Any]:
    return usage | {name: usage[name] + more for name in PROMPT_FIELDS if isinstance(usage.get(name), int)}


def _renamed(response: ModelResponse, model: str) -> ModelResponse:
    """The response with the model's name as it was requested."""
    events = response.events and tuple(replace(event, data=_with_model(event.data, model)) for event in response.events)
    return replace(response, whole=_with_model(response.whole, model), events=events)


def _with_model(value: Any, model: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: model if name == "model" and item == MODEL else _with_model(item, model) if name in NESTED else item
        for name, item in value.items()
    }


NESTED: Final = ("message", "response")
"""Members of events that hold a response."""
