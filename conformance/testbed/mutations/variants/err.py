"""Legal variants: other error responses."""

import json
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.defects.err_causes import LARGE, limiting, with_code
from conformance.testbed.mutations.mutate_requests import (
    Body,
    editing_errors,
    labelled,
    refusal,
    rewriting,
    with_error,
    with_status,
)
from conformance.testbed.server.deployments import MODEL
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def without_param(error: Body) -> Body:
    """The field is named in the message only."""
    return error | {"param": None, "code": None}


def from_the_body(error: Body) -> Body:
    """The field's path as request validators write it."""
    return error | {"param": f"body.{error['param']}"} if error.get("param") else error


def with_example(error: Body) -> Body:
    """A message that ends with an example in JSON."""
    example = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "temperature": 1})
    return error | {"message": f"{error['message']} Example: {example}"}


def with_help(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Undocumented extra fields that help people."""
    error = response.whole["error"] | {"doc_url": "https://example.com/errors", "details": {"status": response.status}}
    return replace(response, whole=response.whole | {"error": error, "request_id": request.id, "success": False})


def listing_stored(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """GET on the path of chat completions lists the stored ones, as the API documents."""
    empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    return ModelResponse(whole=empty) if request.method == "GET" and response.status == 405 else response


def no_model_needed(body: Body) -> Body:
    """The only model is served under any name."""
    named = body.get("model")
    return body | {"model": MODEL} if named is None or isinstance(named, str) else body


def any_role(body: Body) -> Body:
    """Unknown roles are treated as user."""
    messages = body.get("messages")
    return body | {"messages": [_of_known_role(m) for m in messages]} if isinstance(messages, list) else body


def _of_known_role(message: Any) -> Any:
    roles = ("system", "developer", "user", "assistant", "tool", "function")
    strange = isinstance(message, dict) and isinstance(message.get("role"), str) and message["role"] not in roles
    return message | {"role": "user"} if strange else message


def lenient(body: Body) -> Body:
    """A body without token caps and `n` below one."""
    counts = ("n", "max_tokens", "max_completion_tokens")
    return {name: value for name, value in body.items() if name not in counts or value not in (0, -5)}


def shortened(body: Body) -> Body:
    """A body whose messages are truncated to their first thousand characters."""
    messages = body.get("messages")
    return body | {"messages": [_short(m) for m in messages]} if isinstance(messages, list) else body


def _short(message: Any) -> Any:
    content = message.get("content") if isinstance(message, dict) else None
    return message | {"content": content[:1000]} if isinstance(content, str) else message


def last_wins(request: ServerRequest) -> ServerRequest:
    """The last of duplicate keys wins."""
    try:
        value = json.loads(request.body) if b'"max_tokens": 1, "max_tokens": 1' in request.body else request.json
    except ValueError:
        return request
    return replace(request, json=value)


VARIANTS = (
    Mutation(name="422-for-400", title="Invalid requests are rejected with 422", on_response=with_status(422, 400)),
    Mutation(name="get-is-404", title="A wrong method gets 404 instead of 405", on_response=with_status(404, 405)),
    Mutation(
        name="errors-with-more",
        title="Errors have undocumented extra fields",
        on_response=editing_errors(with_help, 400, 404, 405),
    ),
    Mutation(
        name="errors-with-an-example",
        title="Error messages show valid JSON as an example",
        on_response=with_error(with_example, 400),
    ),
    Mutation(
        name="errors-without-param",
        title="Errors name the field in the message only",
        on_response=with_error(without_param, 400),
    ),
    Mutation(
        name="params-from-the-body", title="`param` has the prefix `body.`", on_response=with_error(from_the_body, 400)
    ),
    Mutation(
        name="problem-json",
        title="Errors have Content-Type: application/problem+json",
        on_wire=labelled("application/problem+json; charset=utf-8", 400),
    ),
    Mutation(name="one-model-for-all", title="The model name is not needed", on_request=rewriting(no_model_needed)),
    Mutation(name="any-role", title="Unknown roles are treated as user", on_request=rewriting(any_role)),
    Mutation(
        name="stored-completions-listed",
        title="GET lists the stored completions",
        on_response=listing_stored,
    ),
    Mutation(
        name="caps-below-one-ignored", title="Token caps and `n` below one are ignored", on_request=rewriting(lenient)
    ),
    Mutation(name="long-prompts-cut", title="Too long prompts are truncated", on_request=rewriting(shortened)),
    Mutation(name="last-field-wins", title="Duplicate keys are accepted, the last one wins", on_request=last_wins),
    Mutation(
        name="overflow-as-413",
        title="A too long prompt gets 413",
        on_response=with_code("context_length_exceeded", lambda response, _: replace(response, status=413)),
    ),
    Mutation(
        name="large-bodies-refused",
        title="A body of one megabyte gets 413",
        on_response=lambda response, request: (
            refusal(413, "The body is too large.") if len(request.body) > LARGE else response
        ),
    ),
    Mutation(
        name="limited-until-a-date",
        title="Retry-After is a date",
        on_response=limiting(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")),
    ),
    Mutation(
        name="limited-in-milliseconds",
        title="429 responses have retry-after-ms only",
        on_response=limiting(("retry-after-ms", "200")),
    ),
)
