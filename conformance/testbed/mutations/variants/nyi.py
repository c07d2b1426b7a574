"""Legal variants: other ways to report that streaming is not implemented yet."""

from dataclasses import replace

from conformance.testbed.mutations.defects.nyi import failing_with
from conformance.testbed.mutations.mutate_requests import editing_errors, with_error
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest


def gap(name: str, title: str, on_response: OnResponse) -> Mutation:
    """A variant of the `stopgap-501` deployment."""
    return Mutation(name=name, title=title, on="stopgap-501", on_response=on_response)


def capitalised(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """Header names as other servers write them."""
    return replace(response, headers=tuple((name.title(), value) for name, value in response.headers))


def uncached(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """The 501 response with Cache-Control: no-store."""
    return replace(response, headers=(*response.headers, ("cache-control", "no-store")))


def with_help(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Undocumented extra fields that help people."""
    error = response.whole["error"] | {"hint": "stream=false", "doc_url": "https://example.com/streaming"}
    return replace(response, whole=response.whole | {"error": error, "request_id": request.id, "usage": None})


HINTS = (
    "Set the 'stream' parameter to 'false'.",
    "Send it again with streaming disabled.",
    "Turn streaming off.",
    "stream must be false.",
    "Use stream=0.",
)


def hinting(number: int, hint: str) -> Mutation:
    """The 501 response with this hint in its message."""
    message = f"Streaming is not supported. {hint}"
    edit = with_error(lambda error: error | {"message": message}, 501)
    return gap(f"refusal-hint-{number}", f"The 501 message contains: {hint}", edit)


WORDED = tuple(hinting(number, hint) for number, hint in enumerate(HINTS, 1))
ASIDE = gap(
    "refusal-hint-aside",
    "The 501 hint is in a field of its own",
    with_error(lambda error: error | {"message": "Streaming is not supported.", "hint": 'Set "stream": false.'}, 501),
)
PARTLY = Mutation(
    name="tools-refused-well",
    title="Only streamed tool calls are rejected, by a correct 501 response",
    on_response=failing_with(501, ("x-should-retry", "false")),
)

VARIANTS = (
    *WORDED,
    ASIDE,
    PARTLY,
    gap("refusal-capitalised", "Header names of the 501 response are capitalised", editing_errors(capitalised, 501)),
    gap("refusal-no-store", "The 501 response has Cache-Control: no-store", editing_errors(uncached, 501)),
    gap("refusal-with-help", "The 501 response has undocumented extra fields", editing_errors(with_help, 501)),
    gap(
        "refusal-in-other-words",
        "The 501 message has another wording",
        with_error(
            lambda error: (
                error
                | {
                    "message": "STREAMING IS NOT SUPPORTED YET: please send a non-streaming request.",
                    "type": "api_error",
                }
            ),
            501,
        ),
    ),
)
