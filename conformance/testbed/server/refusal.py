"""Errors: a refusal as a value, and the error format of each API."""

from dataclasses import dataclass
from typing import Any

from conformance.testbed.server.reply import Headers, ModelResponse, ServerRequest

MESSAGES_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    501: "api_error",
}
"""The Messages API's error type for a status, https://platform.claude.com/docs/en/api/errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is rejected: the status, a message for people, and the fields that programs need."""

    status: int = 400
    message: str
    param: str | None = None
    code: str | None = None
    type: str = "invalid_request_error"
    headers: Headers = ()


def refuse(refusal: Refusal, request: ServerRequest) -> ModelResponse:
    """The refusal in the error format of the requested API."""
    return ModelResponse(status=refusal.status, headers=refusal.headers, whole=_envelope(refusal, request))


def _envelope(refusal: Refusal, request: ServerRequest) -> dict[str, Any]:
    if request.api == "messages":
        kind = MESSAGES_TYPES.get(refusal.status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": f"req_{request.id}"}
    facts = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
    return {"error": facts}


def wrong(param: str, complaint: str) -> Refusal:
    """A refusal of a field by its path, for what is wrong with it."""
    return Refusal(message=f"'{param}' {complaint}.", param=param, code="invalid_value")


def unsupported(param: str, detail: str = "") -> Refusal:
    """A refusal of a field that the API documents and the server does not support."""
    return Refusal(message=f"'{param}' {detail}is not supported here.", param=param, code="unsupported_parameter")
