"""Responses to requests with and without an API key, for the rules' examples."""

from typing import Any

from conformance.rules.example import JSON, answered, completion, error

KEY: dict[str, Any] = {"request_headers": [("authorization", "Bearer ********")]}
WRONG: dict[str, Any] = {"probe": "chat.auth.wrong-key"}
NONE: dict[str, Any] = {"probe": "chat.auth.no-key"}
CHALLENGE = ("www-authenticate", "Bearer")
NO = error("The key is not valid.", code="invalid_api_key")

BASELINE_RESPONSE = answered(completion(), **KEY)
REFUSED = answered(NO, status=401, headers=(JSON, CHALLENGE), **WRONG)
REFUSED_BARE = answered(NO, status=401, headers=(JSON, CHALLENGE), **NONE)
