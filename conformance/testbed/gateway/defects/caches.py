"""Defects of response caches: undeclared, unmarked, and with keys that lack what changes a response."""

from conformance.model.target import GatewayPolicy
from conformance.testbed.gateway.handling import GatewayChange
from conformance.testbed.gateway.storing import storing, whole_request, without, without_client, without_images

DECLARED = GatewayPolicy(cache=True)
SAMPLING = ("temperature", "top_p", "seed", "max_tokens", "max_completion_tokens", "n", "stop")

DEFECTS = (
    GatewayChange(
        name="cache-undeclared",
        title="Serves an equal request from a cache that is not declared",
        caught_by="GW109",
        handle=storing(whole_request),
    ),
    GatewayChange(
        name="cached-answer-changed",
        title="Replays stored responses with another text",
        caught_by="GW109",
        policy=DECLARED,
        handle=storing(whole_request, edit=lambda data: data.replace(b" w0 w1", b" w0")),
    ),
    GatewayChange(
        name="cached-json-for-a-stream",
        title="Replays a stored JSON response to a client that wants a stream",
        caught_by="GW109",
        policy=DECLARED,
        handle=storing(without("stream")),
    ),
    GatewayChange(
        name="cache-hidden",
        title="Does not say that a response is from the cache",
        caught_by="GW110",
        policy=DECLARED,
        handle=storing(whole_request, headers=()),
    ),
    GatewayChange(
        name="cache-key-without-sampling",
        title="The cache key lacks the sampling fields and the cap",
        caught_by="GW111",
        policy=DECLARED,
        handle=storing(without(*SAMPLING)),
    ),
    GatewayChange(
        name="cache-key-without-model",
        title="The cache key lacks the model's name",
        caught_by="GW111",
        policy=DECLARED,
        handle=storing(without("model")),
    ),
    GatewayChange(
        name="cache-key-without-tool-choice",
        title="The cache key lacks tool_choice",
        caught_by="GW111",
        policy=DECLARED,
        handle=storing(without("tool_choice")),
    ),
    GatewayChange(
        name="cache-key-without-images",
        title="The cache key has only the texts of a conversation",
        caught_by="GW111",
        policy=DECLARED,
        handle=storing(without_images),
    ),
    GatewayChange(
        name="cache-shared-by-clients",
        title="The cache key lacks the client's key",
        caught_by="GW112",
        policy=DECLARED,
        handle=storing(without_client),
    ),
)
