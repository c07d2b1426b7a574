"""A lane: the API that a client speaks to a gateway, and the one in which the gateway asks its upstream."""

from typing import Any, Final

from conformance.apis.errors import error_response
from conformance.apis.evidence import missing_part
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL, Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import as_object, as_string
from conformance.rules.gw.answers import sound

SAME: Final = not_applicable("the upstream is asked in the client's API")
NOTHING: Final = not_applicable("no request of a known API arrived upstream")
MESSAGE_EVENTS: Final = (
    *("message_start", "message_delta", "message_stop"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
)
FIX: Final = "Translate {what} between the APIs; what has no counterpart is rejected with a 400 that names it."


def reply_api(value: Any) -> Api | None:
    """The API that a reply, or an event of a stream, is of; None if it shows none."""
    body = as_object(value)
    kind = as_string(body.get("type"))
    if as_string(body.get("object")).startswith("chat.completion"):
        return "chat"
    if body.get("object") == "response" or kind.startswith("response."):
        return "responses"
    return "messages" if kind == "message" or kind in MESSAGE_EVENTS else None


def path_api(x: Exchange) -> Api | None:
    """The API whose path a request has, whatever its body is; None for other paths."""
    target = x.sent.partition(b"\r\n")[0].partition(b" ")[2].partition(b" ")[0]
    path = target.partition(b"?")[0].decode("latin-1").rstrip("/")
    return next((api for api in CONVERSATIONAL if path.endswith(spec(api).path)), None)


def generations(upstream: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The requests upstream that are to generate something; a gateway may also count tokens, or list models."""
    return tuple(arrived for arrived in upstream if path_api(arrived))


def request_lane(x: Exchange, upstream: tuple[Exchange, ...]) -> Exchange | NotJudged:
    """The first request upstream of another API than the client's; else why a lane rule can't judge."""
    requests = generations(upstream)
    if not requests:
        return NOTHING
    arrived = next((one for one in requests if one.api != x.api), None)
    if arrived is None:
        return SAME
    if not request_body(x):
        return not_applicable("the client's request is not a JSON object")
    return arrived if request_body(arrived) else untestable("the request upstream is not a JSON object")


def reply_lane(x: Exchange, upstream: tuple[Exchange, ...]) -> Exchange | NotJudged:
    """The last response upstream, if it is of another API than the client's, and both sides have complete responses."""
    answers = generations(upstream)
    if not answers:
        return NOTHING
    last = answers[-1]
    if last.api == x.api:
        return SAME
    if why := sound(last):
        return not_applicable(why)
    return _unanswered(x) or last


def _unanswered(x: Exchange) -> NotJudged | None:
    """Why the client's response can't be compared, or None."""
    if has_failed(x):
        return not_applicable("the client got an error")
    if why := missing_part(x) or ("the harness disconnected" if x.ending.how == "hung-up" else ""):
        return untestable(f"the client's response is not complete: {why}")
    if not response_content(x).choices or reply_api(json_body(x)) not in (None, x.api):
        return untestable("the client's response can't be read as one of its API")
    return None


def has_failed(x: Exchange) -> bool:
    """Whether a response is an error, or ends with one."""
    return reply(x).status >= 400 or bool(error_response(x)) or response_content(x).error
