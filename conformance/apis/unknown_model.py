"""Errors that say that the target does not serve the model, and the models that it does serve."""

import re
from typing import Final

from conformance.apis.errors import ErrorResponse, body, error_response, names_field
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_array, as_object, as_string

MISSING: Final = re.compile(
    r"\b(?:invalid|unknown|unrecognized|no such|not a valid) model\b(?!\W+(?:param|input|output|setting|config|option))"
    r"|\bmodels?(?: name| id| identifier)?[ :=/]*[`'\"]?[^\s`'\"]{0,200}[`'\"]?,? "
    r"?(?:(?:is|was|does|could) )?(?:not|doesn't|isn't) (?:be )?(?:found|exist|a valid|recognized)\b"
    r"|\bmodel identifier is invalid\b",
    re.IGNORECASE,
)
"""How servers word that there is no such model: its name at most stands between the words."""
CODES: Final = frozenset(("model_not_found", "model_not_exist", "invalid_model", "unknown_model", "deploymentnotfound"))
MOST_TEXT: Final = 2000


def is_about_the_model(error: ErrorResponse) -> bool:
    """Whether an error is about the model, which may have the same status as an unknown path."""
    return "model" in (error.code or "").split("_") or (error.is_legible and names_field(error, "model"))


def says_model_is_unknown(x: Exchange) -> bool:
    """Whether an error says that there is no such model: by a 404 about it, or by its code or words."""
    error = error_response(x)
    if error.in_band or error.status not in (400, 403, 404, 422):
        return False
    if error.status == 404 and is_about_the_model(error):
        return True
    is_worded = error.is_legible and bool(MISSING.search(error.message[:MOST_TEXT]))
    return is_worded or (error.code or "").lower() in CODES


def served_models(x: Exchange) -> tuple[str, ...]:
    """The names in a response to GET /models, or none."""
    listed = as_array(as_object(body(x)).get("data")) if reply(x).status == 200 else []
    return tuple(filter(None, (as_string(as_object(one).get("id")) for one in listed)))
