"""The error responses that real clients were measured with: status, headers and body."""

from typing import Any

JSON = (("content-type", "application/json"),)
UNSUPPORTED = "Streaming is not supported here yet; send stream=false."
REFUSED = {
    "message": UNSUPPORTED,
    "type": "invalid_request_error",
    "param": "stream",
    "code": "streaming_not_supported",
}
PAGE = b"<html><head><title>No</title></head><body>No.</body></html>"
NO_RETRY = ("x-should-retry", "false")


def told(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


FIELD = {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}
ERRORS: dict[str, tuple[int, Any, Any]] = {
    "501_json_error": (501, JSON, {"error": REFUSED}),
    "501_on_stream_only": (501, JSON, {"error": REFUSED}),
    "501_no_retry_hdr": (501, (*JSON, NO_RETRY), {"error": REFUSED}),
    "501_no_retry_on_stream_only": (501, (*JSON, NO_RETRY), {"error": REFUSED}),
    "501_html": (501, (("content-type", "text/html"),), PAGE),
    "400_on_stream_only": (400, JSON, {"error": REFUSED}),
    "400_unknown_field": (400, JSON, told("Unknown field stream_options.", "unknown_parameter")),
    "400_x_retry_true": (400, (*JSON, ("x-should-retry", "true")), told("no")),
    "401": (401, JSON, told("That key is wrong.", "invalid_api_key")),
    "402": (402, JSON, told("No credit is left.", "insufficient_quota", "insufficient_quota")),
    "404_model": (404, JSON, told("The model a-model does not exist", "model_not_found")),
    "404_fastapi": (404, JSON, {"detail": "Not Found"}),
    "408": (408, JSON, told("too slow", kind="timeout")),
    "409": (409, JSON, told("busy", kind="conflict")),
    "422_fastapi": (422, JSON, {"detail": [FIELD]}),
    "429": (429, JSON, told("too many", "rate_limit_exceeded", "rate_limit_error")),
    "429_retry_after_1": (429, (*JSON, ("retry-after", "1")), told("too many", "rate_limit_exceeded")),
    "500": (500, JSON, told("broken", kind="server_error")),
    "502_html": (502, (("content-type", "text/html"),), PAGE),
    "503": (503, JSON, told("busy", kind="server_error")),
    "503_retry_after_1": (503, (*JSON, ("retry-after", "1")), told("busy", kind="server_error")),
    "529": (529, JSON, told("busy", kind="server_error")),
}
