"""The answer to one request: text with its nonce, the attempt and numbered words, and usage that tells attempts apart.

Pure. The server is lenient, as most upstreams are: it accepts any model, and ignores fields that it does not know.
"""

import json
import re
import zlib
from dataclasses import replace
from typing import Any, Final

from conformance.apis.nonce import Marker, marker
from conformance.testbed.server.deployments import MODEL, Deployment, compliant, reply_to, written
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
        request = replace(request, json=_without(request.json, STEP.findall(refusal.param)))
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


UPSTREAM: Final = Deployment(name="upstream", title="Answers what its scripts say", respond=lenient)


HEALTH: Final = re.compile(r"/((.*/)?(health|healthz|ready|readyz|readiness|live|livez|liveness|ping|status))?/?")
"""Paths of health checks: each gateway looks at its own one whether its upstream is up."""
HEALTHY: Final = ModelResponse(whole={"status": "ok"})


def answer(request: ServerRequest, attempts: dict[str, int], upstream: int = 0) -> WireResponse:
    """The answer to a request at the upstream of this number. `attempts` counts the requests with each nonce."""
    found = marker(request.body)
    if found is None:
        is_check = request.method in ("GET", "HEAD") and HEALTH.fullmatch(request.path)
        return written(HEALTHY, request) if is_check else reply_to(request, UPSTREAM)
    script = find(found.script)
    if script is None:
        message = f"The upstream has no script {found.script!r}; `conformance list scripts` lists them."
        return reply_to(request, replace(UPSTREAM, respond=lambda asked: refuse(Refusal(message=message), asked)))
    attempt = attempts[found.nonce] = attempts.get(found.nonce, 0) + 1
    numbered = _numbered(request, found, attempt)
    return reply_to(numbered, UPSTREAM, (_counted(found, attempt), *script.changes(attempt, upstream)))


def _numbered(request: ServerRequest, found: Marker, attempt: int) -> ServerRequest:
    """The request with the attempt in place of the script's name, as the model looks for it."""
    body = request.body.replace(str(found).encode(), f"{found.nonce}:{attempt}".encode())
    try:
        return replace(request, body=body, json=json.loads(body))
    except ValueError:
        return replace(request, body=body)


def _counted(found: Marker, attempt: int) -> Mutation:
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
