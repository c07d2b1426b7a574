"""Legal variants: other kinds of authentication, or none."""

from dataclasses import replace

from conformance.testbed.mutations.defects.auth import header, let_in
from conformance.testbed.mutations.mutate_requests import editing_errors, with_status
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def challenged(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """A 401 with two challenges."""
    headers = tuple(h for h in response.headers if h[0] != "www-authenticate")
    challenge = 'Bearer realm="api", error="invalid_token"'
    return replace(
        response, headers=(*headers, ("www-authenticate", challenge), ("www-authenticate", 'ApiKey realm="api"'))
    )


def hinting(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error that shows the first and last characters of the key."""
    key = header(request, "authorization").removeprefix("Bearer ")
    error = response.whole["error"]
    message = f"Incorrect API key provided: {key[:4]}****{key[-4:]}."
    return replace(response, whole=response.whole | {"error": error | {"message": message}})


VARIANTS = (
    Mutation(name="no-key-needed", title="No API key is needed", on_response=let_in(bool)),
    Mutation(name="keys-refused-by-403", title="Invalid keys are rejected with 403", on_response=with_status(403, 401)),
    Mutation(
        name="challenged-at-length",
        title="401 responses have two challenges",
        on_response=editing_errors(challenged, 401),
    ),
    Mutation(
        name="key-shown-in-part",
        title="The error shows the first and last characters of an invalid key",
        on_response=editing_errors(hinting, 401),
    ),
)
