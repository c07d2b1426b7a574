"""Legal variants: errors that report zero usage, or that forbid retries."""

from dataclasses import replace

from conformance.testbed.mutations.defects.bill import SPENT
from conformance.testbed.mutations.mutate_requests import editing_errors
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def with_nothing(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """An error that reports zero usage."""
    return replace(response, whole=response.whole | {"usage": dict.fromkeys(SPENT, 0)})


def not_to_be_retried(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """An error with x-should-retry: false."""
    return replace(response, headers=(*response.headers, ("x-should-retry", "false")))


VARIANTS = (
    Mutation(
        name="errors-with-usage-of-zero",
        title="Errors report a usage of 0",
        on_response=editing_errors(with_nothing, 400),
    ),
    Mutation(
        name="mistakes-not-retried",
        title="Errors set x-should-retry: false",
        on_response=editing_errors(not_to_be_retried, 400),
    ),
)
