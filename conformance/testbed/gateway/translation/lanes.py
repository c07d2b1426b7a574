"""The lanes: how a client's API is spoken to an upstream that has another one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from conformance.apis.specs import spec
from conformance.model.words import CONVERSATIONAL, Api
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    own_reply,
    whole,
    with_body,
)
from conformance.testbed.gateway.translation import (
    chat_reply,
    chat_request,
    messages_reply,
    messages_request,
    responses_reply,
    responses_request,
)
from conformance.testbed.gateway.translation.failures import (
    CUT,
    UNREADABLE,
    FailedError,
    Failure,
    envelope,
    error_event,
    failure_of,
)
from conformance.testbed.gateway.translation.fields import Body
from conformance.testbed.gateway.translation.wire import Events, encoded, events_in, inflated
from conformance.testbed.server.body import parse
from conformance.testbed.server.reply import Headers, to_json

VERSION: Final = "2023-06-01"
OF_MESSAGES: Final = ("anthropic-version", "anthropic-beta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The translations of a lane: of a request, and of the reply, whole or as events, to the client's request.

    They raise FailedError for what can't be carried.
    """

    request: Callable[[Body], Body]
    reply: Callable[[Body, Body], Body]
    events: Callable[[Events, Body], Events]


LANES: Final[dict[tuple[Api, Api], Lane]] = {
    ("messages", "chat"): Lane(
        request=messages_request.chat_request, reply=messages_reply.message, events=messages_reply.message_events
    ),
    ("responses", "chat"): Lane(
        request=responses_request.chat_request, reply=responses_reply.response, events=responses_reply.response_events
    ),
    ("chat", "messages"): Lane(
        request=chat_request.messages_request,
        reply=chat_reply.completion_of_message,
        events=chat_reply.chunks_of_message,
    ),
    ("chat", "responses"): Lane(
        request=chat_request.responses_request,
        reply=chat_reply.completion_of_response,
        events=chat_reply.chunks_of_response,
    ),
}


def lane(client: Api, upstream: Api) -> Lane:
    """The lane between two APIs, by way of Chat Completions if there is no other."""
    if found := LANES.get((client, upstream)):
        return found
    outer, inner = LANES[(client, "chat")], LANES[("chat", upstream)]

    def request(body: Body) -> Body:
        between = outer.request(body)
        try:
            return inner.request(between)
        except FailedError as error:
            raise _renamed(error.failure, client) from None

    return Lane(
        request=request,
        reply=lambda value, requested: outer.reply(inner.reply(value, outer.request(requested)), requested),
        events=lambda events, requested: outer.events(inner.events(events, outer.request(requested)), requested),
    )


def _renamed(failure: Failure, client: Api) -> FailedError:
    """A refusal of a chat field, under the name that it has in the client's API."""
    own = OWN_NAMES[client].get(failure.param or "", failure.param)
    return FailedError(replace(failure, param=own, message=failure.message.replace(f"'{failure.param}'", f"'{own}'")))


OWN_NAMES: Final[dict[Api, dict[str, str]]] = {
    "chat": {},
    "messages": {"stop": "stop_sequences", "user": "metadata.user_id", "reasoning_effort": "thinking"},
    "responses": {"reasoning_effort": "reasoning.effort", "logprobs": "top_logprobs"},
}
"""Fields of a client's API that are refused on the second half of a lane."""


def translating(upstream: Api) -> Handler:
    """Ask an upstream of this API, whatever the client's API is."""

    async def handle(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
        api = next((api for api in CONVERSATIONAL if request.target.partition("?")[0].endswith(spec(api).path)), None)
        body = request.json
        if api is None or api == upstream or not isinstance(body, dict):
            return await forward(request)
        try:
            requested = replace(
                request,
                target=request.target.replace(spec(api).path, spec(upstream).path),
                headers=_headers(request, upstream),
                body=to_json(lane(api, upstream).request(body)),
            )
        except FailedError as error:
            return own_reply(error.failure.status, envelope(api, error.failure))
        except (KeyError, TypeError, AttributeError, ValueError):
            wrong = Failure(message="The request can't be read.", type="invalid_request_error", status=400)
            return own_reply(400, envelope(api, wrong))
        return await _answered(inflated(await forward(requested)), api, upstream, body)

    return handle


def _headers(request: GatewayRequest, upstream: Api) -> Headers:
    """The headers without those of the client's API, with those of the upstream's; its replies have to be read."""
    kept = tuple(item for item in request.headers if item[0].lower() not in ("accept-encoding", *OF_MESSAGES))
    return (*kept, ("anthropic-version", VERSION)) if upstream == "messages" else kept


async def _answered(reply: GatewayReply, api: Api, upstream: Api, requested: Body) -> GatewayReply:
    """The upstream's reply in the client's API."""
    between = lane(api, upstream)
    if reply.is_stream and reply.status < 400:
        kept = tuple(item for item in reply.headers if item[0].lower() != "content-length")
        events = between.events(_checked(events_in(reply.body)), requested)
        return replace(reply, headers=kept, body=encoded(_with_error_events(events, api)))
    try:
        data = await whole(reply.body)
    except OSError:
        return own_reply(CUT.status, envelope(api, CUT))
    value = parse(data).value
    failure = failure_of(value, reply.status if reply.status >= 400 else CUT.status)
    if reply.status >= 400 and failure is None:
        failure = Failure(message=data.decode("utf-8", "replace") or "The upstream failed.", status=reply.status)
    if failure:
        return _failed(reply, api, failure)
    try:
        return with_body(reply, to_json(between.reply(value if isinstance(value, dict) else {}, requested)))
    except FailedError as error:
        return _failed(reply, api, error.failure)
    except (KeyError, TypeError, AttributeError, ValueError):
        return _failed(reply, api, UNREADABLE)


def _failed(reply: GatewayReply, api: Api, failure: Failure) -> GatewayReply:
    """The upstream's error, with its headers, in the client's API."""
    kept = tuple(item for item in reply.headers if item[0].lower() != "content-type")
    labelled = replace(reply, status=failure.status, headers=(*kept, ("content-type", "application/json")))
    return with_body(labelled, to_json(envelope(api, failure)))


async def _checked(events: Events) -> Events:
    """The upstream's events. Raises FailedError for one that is an error, and where the upstream broke."""
    try:
        async for event in events:
            if failure := failure_of(event.data):
                raise FailedError(failure)
            yield event
    except OSError:
        raise FailedError(CUT) from None


async def _with_error_events(events: Events, api: Api) -> Events:
    """The events for the client, with an error event in its API where there is no more to come."""
    number = 0
    try:
        async for event in events:
            number += 1
            yield event
    except FailedError as error:
        yield error_event(api, error.failure, number)
    except (KeyError, TypeError, AttributeError, ValueError):
        yield error_event(api, UNREADABLE, number)
