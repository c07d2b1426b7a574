"""Errors between the APIs: read one in the upstream's form, and write it in the client's."""

from dataclasses import dataclass
from typing import Any, Final

from conformance.model.words import Api
from conformance.parsing.json_values import as_object, as_string
from conformance.testbed.server.reply import Event

BAD_GATEWAY: Final = 502
TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The Messages API's error type for a status: https://platform.claude.com/docs/en/api/errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error, whatever its form; `type` is empty if the form has none."""

    message: str
    type: str = ""
    param: str | None = None
    code: str | None = None
    status: int = BAD_GATEWAY


class FailedError(Exception):
    """A request or a reply can't be carried, or the upstream failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


CUT: Final = Failure(message="The upstream's stream ended before the response did.", code="upstream_error")
UNREADABLE: Final = Failure(message="The upstream's response can't be read.", code="upstream_error")


def refusal(param: str, why: str = "has no counterpart in the upstream's API") -> FailedError:
    """A field, or a part of one, that can't be carried."""
    message = f"'{param}' {why}."
    return FailedError(Failure(message=message, type=TYPES[400], param=param, code="unsupported_parameter", status=400))


def failure_of(value: Any, status: int = BAD_GATEWAY) -> Failure | None:
    """The error in a JSON value of any API, or None if it is no error."""
    body = as_object(value)
    if as_object(body.get("response")).get("status") == "failed" or body.get("status") == "failed":
        body = as_object(body.get("response") or body)
        error = as_object(body.get("error")) or {"message": "The upstream failed."}
    elif body.get("type") == "error" or body.get("error"):
        error = as_object(body.get("error")) or ({"message": body["error"]} if body.get("error") else body)
    else:
        return None
    return Failure(
        message=as_string(error.get("message")) or "The upstream failed.",
        type=as_string(error.get("type")) if error is not body else "",
        param=error.get("param") if isinstance(error.get("param"), str) else None,
        code=error.get("code") if isinstance(error.get("code"), str) else None,
        status=status,
    )


def envelope(api: Api, failure: Failure) -> dict[str, Any]:
    """The error object of an API."""
    if api == "messages":
        kind = failure.type if failure.type in TYPES.values() else TYPES.get(failure.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": failure.message}}
    kind = failure.type or ("server_error" if failure.status >= 500 else TYPES.get(failure.status, TYPES[400]))
    return {"error": {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code}}


def error_event(api: Api, failure: Failure, number: int) -> Event:
    """The event by which a stream of an API tells that it failed, after this number of others."""
    if api == "responses":
        facts = {"code": failure.code or "server_error", "message": failure.message, "param": failure.param}
        return Event(name="error", data={"type": "error", "sequence_number": number, **facts})
    return Event(name="error" if api == "messages" else None, data=envelope(api, failure))
