"""Legal variants: targets that are busy, that report no load, or that rate-limit concurrent requests."""

from dataclasses import replace

from conformance.model.marker_words import BURST_WORDS
from conformance.testbed.mutations.mutate_requests import refusal
from conformance.testbed.server.deployments import METRICS
from conformance.testbed.server.model import ECHO
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

PUT_OFF = frozenset(BURST_WORDS[10:])


def without_metrics(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """/metrics is not served."""
    return refusal(404, "Nothing is served here.", code="unknown_url") if request.path == METRICS else response


def busy_with_others(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Other clients keep the target busy, and one gauge counts the metrics request itself."""
    metrics = 'http_requests_active 1\nx:num_requests_running{engine="0"} 2.0\nx:num_requests_running{engine="1"} 1.0\n'
    return replace(response, text=metrics) if request.path == METRICS else response


def some_put_off(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A rate limit accepts the first concurrent requests only."""
    found = ECHO.search(request.body.decode(errors="replace"))
    if not found or found[1] not in PUT_OFF:
        return response
    later = refusal(429, "Too many at the same time.", code="rate_limit_exceeded")
    return replace(later, headers=(*later.headers, ("retry-after", "1")))


def says_something_else(request: ServerRequest) -> ServerRequest:
    """The model does not follow the prompt."""
    if (
        request.api != "chat"
        or not isinstance(request.json, dict)
        or not ECHO.search(request.body.decode(errors="replace"))
    ):
        return request
    return replace(request, json=request.json | {"messages": [{"role": "user", "content": "Hi."}]})


VARIANTS = (
    Mutation(name="no-metrics", title="/metrics is not served", on_response=without_metrics),
    Mutation(name="busy-with-others", title="Other clients keep the target busy", on_response=busy_with_others),
    Mutation(name="crowd-limited", title="Some concurrent requests are rate-limited (429)", on_response=some_put_off),
    Mutation(name="crowd-disobeyed", title="The model does not say the requested word", on_request=says_something_else),
)
