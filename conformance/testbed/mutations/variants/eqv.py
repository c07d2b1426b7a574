"""Legal differences between a stream and a non-streaming response."""

from conformance.testbed.mutations.defects.eqv import on_streams
from conformance.testbed.mutations.mutate_chat import Body, each_chunk, in_turn, on_whole, variant, with_fields
from conformance.testbed.server.reply import ModelResponse, ServerRequest


def one_more(chunk: Body) -> Body:
    """The usage of a chunk with one completion token more."""
    usage = chunk["usage"]
    counts = {name: usage[name] + 1 for name in ("completion_tokens", "total_tokens")}
    return chunk | {"usage": usage | counts}


def fingerprinted(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A different system_fingerprint per request, as from several replicas."""
    mark = with_fields(system_fingerprint=f"fp_{request.id}")
    return on_whole(mark)(each_chunk(mark)(response, request), request)


DATED = with_fields(model="reference-2026-08-06")

VARIANTS = (
    variant(
        "end-token-counted-when-streaming",
        "Usage in a stream counts the end token",
        on_streams(each_chunk(one_more, lambda chunk: chunk.get("usage") and chunk["usage"]["completion_tokens"] > 1)),
    ),
    variant(
        "model-dated",
        "Responses report a dated model version, to which the alias resolves",
        in_turn(each_chunk(DATED), on_whole(DATED)),
    ),
    variant("fingerprint-of-each-replica", "system_fingerprint differs between responses", fingerprinted),
)
