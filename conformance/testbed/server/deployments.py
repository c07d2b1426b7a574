"""The deployments: pure functions from a request to a response; they differ in how they handle streaming."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conformance.apis.specs import spec
from conformance.testbed.server.body import MAX_BODY, parse
from conformance.testbed.server.endpoints import PATHS, endpoint
from conformance.testbed.server.messages import input_tokens
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse, to_reply
from conformance.testbed.server.responses import answer_compact
from conformance.testbed.server.validate import invalid

MODEL = "reference"
"""The only model that every deployment serves."""

CONTEXT = 65_536
"""The model's context length, in tokens."""

MODELS = "/v1/models"
METRICS = "/metrics"
COUNT_TOKENS = "/v1/messages/count_tokens"
COMPACT = "/v1/responses/compact"
CREATED = 1_760_000_000

GENERATION_FIELDS = (
    "max_tokens",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
)
"""The fields of Messages that count_tokens does not accept."""

COMPACT_FIELDS = ("model", "input", "previous_response_id", "instructions", "prompt_cache_key")
"""The fields of Responses that compaction accepts."""

Respond = Callable[[ServerRequest], ModelResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One configuration of the reference server. `respond` is pure."""

    name: str
    title: str
    respond: Respond


def compliant(request: ServerRequest) -> ModelResponse:
    """A correct server: reject by name what it does not support, and stream on request."""
    if request.path == MODELS or request.path.startswith(f"{MODELS}/"):
        return _models(request)
    if request.path == METRICS:
        return _metrics(request)
    if request.path == COUNT_TOKENS:
        return _count(request)
    if request.path == COMPACT:
        return _compact(request)
    api = PATHS.get(request.path)
    if api is None:
        message = f"Nothing is served at {request.path[:200]}."
        return refuse(Refusal(status=404, message=message, code="unknown_url"), request)
    refusal = _not_allowed(request, "POST") or _unreadable(request) or invalid(request) or _not_possible(request)
    return refuse(refusal, request) if refusal else endpoint(api).respond(request)


def _count(request: ServerRequest) -> ModelResponse:
    """count_tokens of the Messages API; it generates nothing."""
    if refusal := _not_allowed(request, "POST") or _unreadable(request):
        return refuse(refusal, request)
    for name in GENERATION_FIELDS:
        if name in request.json:
            message = f"'{name}' is not a field that counting knows."
            return refuse(Refusal(message=message, param=name, code="unknown_parameter"), request)
    countable = replace(request, json=request.json | {"max_tokens": 1})
    if refusal := invalid(countable) or _not_possible(countable):
        return refuse(refusal, request)
    return ModelResponse(whole={"input_tokens": input_tokens(request.json)})


def _compact(request: ServerRequest) -> ModelResponse:
    """Compaction of the Responses API."""
    if refusal := _not_allowed(request, "POST") or _unreadable(request):
        return refuse(refusal, request)
    for name in request.json:
        if name not in COMPACT_FIELDS:
            message = f"'{name[:100]}' is not a field that compaction knows."
            return refuse(Refusal(message=message, param=name[:100], code="unknown_parameter"), request)
    refusal = invalid(request) or _not_possible(request)
    return refuse(refusal, request) if refusal else answer_compact(request)


def _models(request: ServerRequest) -> ModelResponse:
    """The list of models, or one of them."""
    if refusal := _not_allowed(request, "GET", "HEAD"):
        return refuse(refusal, request)
    model = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "oai-conformance"}
    if request.path == MODELS:
        return ModelResponse(whole={"object": "list", "data": [model]})
    name = request.path.removeprefix(f"{MODELS}/")
    return ModelResponse(whole=model) if name == MODEL else refuse(_no_model(name), request)


def _metrics(request: ServerRequest) -> ModelResponse:
    """The number of requests in progress, in Prometheus format."""
    if refusal := _not_allowed(request, "GET", "HEAD"):
        return refuse(refusal, request)
    name = "reference_requests_running"
    return ModelResponse(text=f"# HELP {name} Requests in progress.\n# TYPE {name} gauge\n{name} {request.running}\n")


def _no_model(name: str) -> Refusal:
    message = f"The model '{name[:200]}' is not offered here. Use '{MODEL}'."
    return Refusal(status=404, message=message, param="model", code="model_not_found")


def _not_possible(request: ServerRequest) -> Refusal | None:
    """The model is unknown, or the prompt exceeds its context length."""
    if request.json["model"] != MODEL:
        return _no_model(request.json["model"])
    api = request.api or "chat"
    name, length = spec(api).prompt, endpoint(api).prompt_tokens(request.json)
    if length <= CONTEXT:
        return None
    message = f"The prompt has {length} tokens; this model's context length is {CONTEXT}. Shorten '{name}'."
    return Refusal(message=message, param=name, code="context_length_exceeded")


def _not_allowed(request: ServerRequest, *methods: str) -> Refusal | None:
    if request.method in methods:
        return None
    allowed = ", ".join(methods)
    message = f"This address does not take {request.method[:20]}, only {allowed}."
    return Refusal(status=405, message=message, code="method_not_allowed", headers=(("allow", allowed),))


def _unreadable(request: ServerRequest) -> Refusal | None:
    """The body has another Content-Type, is too large, or is not a JSON object."""
    labels = [value for name, value in request.headers if name == "content-type"]
    if not labels or labels[0].partition(";")[0].strip().lower() != "application/json":
        seen = labels[0][:100] if labels else "missing"
        message = f"Content-Type must be application/json; it is {seen}."
        return Refusal(status=415, message=message, code="unsupported_media_type")
    if len(request.body) > MAX_BODY:
        return Refusal(status=413, message=f"The body is larger than {MAX_BODY} bytes.", code="request_too_large")
    if isinstance(request.json, dict):
        return None
    problem = parse(request.body).problem
    message = f"The body could not be read as JSON: {problem}." if problem else "The body must be one JSON object."
    return Refusal(message=message, code="invalid_json" if problem else "invalid_type")


def _without_stream(request: ServerRequest) -> ServerRequest:
    if not isinstance(request.json, dict):
        return request
    kept = {name: value for name, value in request.json.items() if name not in ("stream", "stream_options")}
    return replace(request, json=kept)


def ignores_stream(request: ServerRequest) -> ModelResponse:
    """A request model without `stream` silently ignores the field: the response is one JSON object."""
    return compliant(_without_stream(request))


def declares_501(request: ServerRequest) -> ModelResponse:
    """Streaming is declared unsupported, so that clients stop or continue without it."""
    response = compliant(request)
    if response.events is None:
        return response
    message = "Streaming is not supported by this deployment. Set stream=false to get a non-streaming response."
    refusal = Refusal(
        status=501,
        message=message,
        param="stream",
        code="streaming_not_supported",
        headers=(("x-should-retry", "false"),),
    )
    return refuse(refusal, request)


def buffers(request: ServerRequest) -> ModelResponse:
    """A proxy in front of a server without streaming: it wraps the complete response into events at the end."""
    response = compliant(request)
    if response.events is None:
        return response
    whole = compliant(_without_stream(request))
    buffered = endpoint(request.api or "chat").buffered
    if buffered is None:
        return response
    first, *rest = buffered(whole.whole, request.json)
    return ModelResponse(events=(replace(first, wait_s=whole.wait_s), *rest))


NATIVE_SSE = Deployment(name="native-sse", title="Streams as the specifications require", respond=compliant)
SILENT_JSON = Deployment(
    name="silent-json", title="Silently ignores `stream`: responds with one JSON object", respond=ignores_stream
)
STOPGAP_501 = Deployment(
    name="stopgap-501", title="Rejects streaming requests with 501 and a clear error", respond=declares_501
)
SSE_PROXY = Deployment(
    name="sse-proxy", title="Buffers the complete response and sends it as one late event", respond=buffers
)

DEPLOYMENTS = {d.name: d for d in (NATIVE_SSE, SILENT_JSON, STOPGAP_501, SSE_PROXY)}
"""Every deployment by name; the first one is the default."""


def response_to(request: ServerRequest, deployment: Deployment, *, key: str | None = None) -> ModelResponse:
    """The deployment's response, with the request's id. Where `key` is given, the request must carry it."""
    response = (
        refuse(_UNAUTHORIZED, request) if key and not _carries(request, key) else _unnested(request, deployment.respond)
    )
    return replace(response, headers=(*response.headers, *_ids(request)))


_UNAUTHORIZED = Refusal(
    status=401,
    message="The API key is missing or not valid. Send it as 'Authorization: Bearer KEY'.",
    code="invalid_api_key",
    headers=(("www-authenticate", "Bearer"),),
)


def _ids(request: ServerRequest) -> tuple[tuple[str, str], ...]:
    ids = (("x-request-id", f"req_{request.id}"),)
    return (*ids, ("request-id", f"req_{request.id}")) if request.api == "messages" else ids


def _carries(request: ServerRequest, key: str) -> bool:
    carried = [value for name, value in request.headers if name == "x-api-key"]
    bearers = [value.split(" ", 1) for name, value in request.headers if name == "authorization"]
    carried += [parts[1].strip() for parts in bearers if len(parts) > 1 and parts[0].lower() == "bearer"]
    return any(hmac.compare_digest(value.encode(), key.encode()) for value in carried)


def _unnested(request: ServerRequest, respond: Respond) -> ModelResponse:
    """The response, or an error where the body is nested too deeply."""
    try:
        return respond(request)
    except RecursionError:
        return refuse(Refusal(message="The body is nested too deeply.", code="invalid_value"), request)


def reply_to(
    request: ServerRequest, deployment: Deployment, changes: Sequence[Mutation] = (), *, key: str | None = None
) -> WireResponse:
    """The reply to a request, with the changes applied in order to the request, the response and the reply."""
    for change in changes:
        request = change.on_request(request) if change.on_request else request
    return written(response_to(request, deployment, key=key), request, changes)


def written(response: ModelResponse, request: ServerRequest, changes: Sequence[Mutation] = ()) -> WireResponse:
    """The reply of a response, with the changes applied to the response and the reply."""
    for change in changes:
        response = change.on_response(response, request) if change.on_response else response
    reply = to_reply(response)
    for change in changes:
        reply = change.on_wire(reply, request) if change.on_wire else reply
    return reply
