"""Legal variants: other kinds of authentication, or none."""

from dataclasses import replace

from conformance.testbed.mutations.defects.auth import header, let_in
from conformance.testbed.mutations.mutate_requests import editing_errors, with_status
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def challenged(said: ModelResponse, _asked: ServerRequest) -> ModelResponse:
    """A 401 with two challenges."""
    headers = tuple(h for h in said.headers if h[0] != "www-authenticate")
    challenge = 'Bearer realm="api", error="invalid_token"'
    return replace(
        said, headers=(*headers, ("www-authenticate", challenge), ("www-authenticate", 'ApiKey realm="api"'))
    )


def hinting(said: ModelResponse, asked: ServerRequest) -> ModelResponse:
    """An error that shows the first and last characters of the key."""
    key = header(asked, "authorization").removeprefix("Bearer ")
    error = said.whole["error"]
    message = f"Incorrect API key provided: {key[:4]}****{key[-4:]}."
    return replace(said, whole=said.whole | {"error": error | {"message": message}})


VARIANTS = (
    Mutation(name="no-key-needed", title="No API key is needed", answer=let_in(bool)),
    Mutation(name="keys-refused-by-403", title="Invalid keys are rejected with 403", answer=with_status(403, 401)),
    Mutation(
        name="challenged-at-length", title="401 responses have two challenges", answer=editing_errors(challenged, 401)
    ),
    Mutation(
        name="key-shown-in-part",
        title="The error shows the first and last characters of an invalid key",
        answer=editing_errors(hinting, 401),
    ),
)
