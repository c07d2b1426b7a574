"""Make the embedded server speak a vendor's dialect: how its model reasons, and what it accepts and refuses by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from conformance.model.words import GENERATIVE, Api
from conformance.testbed.mutations.mutate_requests import sent
from conformance.testbed.server.endpoints import PATHS
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, OnRequest, OnResponse, Reasoning, ServerRequest

Body = dict[str, Any]
Check = Callable[[Body], Iterable[Refusal]]
"""Why a dialect refuses a valid body; the first reason counts."""


def member(body: Any, *names: str) -> Any:
    """The value under nested names; None where there is none."""
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def generates(request: ServerRequest) -> bool:
    """Whether a request with an object as its body is for one of the APIs that generate."""
    return PATHS.get(request.path) in GENERATIVE and request.method == "POST" and isinstance(request.json, dict)


def reasoning(read: Callable[[ServerRequest, Body], Reasoning]) -> OnRequest:
    """Let the model reason as `read` gathers from the body."""
    return lambda request: replace(request, reasoning=read(request, request.json)) if generates(request) else request


THOUGHTFUL_EFFORT = {"low": 4, "high": 16}
"""Tokens of reasoning for an effort; 8 are usual."""


def _thoughts(request: ServerRequest, body: Body) -> Reasoning:
    wanted = body.get("reasoning_effort")
    tokens = THOUGHTFUL_EFFORT.get(wanted, 8) if isinstance(wanted, str) else 8
    return Reasoning(tokens=tokens, field="reasoning_content") if request.api == "chat" else Reasoning()


thoughtful: OnRequest = reasoning(_thoughts)
"""A chat model that reasons, and shows it."""


def accepting(edit: Callable[[Body], Body], *apis: Api) -> OnRequest:
    """Read what the vendor accepts and the API's reference does not know."""
    return lambda request: (
        replace(request, json=edit(request.json)) if generates(request) and request.api in apis else request
    )


def without_fields(*names: str) -> Callable[[Body], Body]:
    """Leave out fields of the body."""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def without_in_messages(*names: str) -> Callable[[Body], Body]:
    """Leave out fields of the assistant's messages, such as the reasoning that a client sends back."""

    def bare(message: Any) -> Any:
        is_reply = isinstance(message, dict) and message.get("role") == "assistant"
        return {k: v for k, v in message.items() if k not in names} if is_reply else message

    def edit(body: Body) -> Body:
        messages = body.get("messages")
        return body | {"messages": [bare(m) for m in messages]} if isinstance(messages, list) else body

    return edit


def read_in_turn(*changes: OnRequest) -> OnRequest:
    """Apply several changes of the request, one after the other."""

    def change(request: ServerRequest) -> ServerRequest:
        for one in changes:
            request = one(request)
        return request

    return change


def refusing(checks: Mapping[Api, Check]) -> OnResponse:
    """Refuse what the vendor refuses of the requests that the reference serves."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        check = checks.get(request.api) if request.api and response.status == 200 and generates(request) else None
        refusal = next(iter(check(sent(request))), None) if check else None
        return refused(response, request, refusal) if refusal else response

    return change


def refused(response: ModelResponse, request: ServerRequest, refusal: Refusal) -> ModelResponse:
    """The refusal in place of a response, with the same ids."""
    made = refuse(refusal, request)
    return replace(made, headers=(*made.headers, *response.headers))


def all_of(*checks: Check) -> Check:
    """All reasons of several checks."""

    def check(body: Body) -> Iterator[Refusal]:
        for one in checks:
            yield from one(body)

    return check


def started_late(seconds: float) -> OnResponse:
    """Nothing of a successful response is sent before these seconds."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if response.status != 200 or not generates(request):
            return response
        if not response.events:
            return replace(response, wait_s=response.wait_s + seconds)
        first, *rest = response.events
        return replace(response, events=(replace(first, wait_s=first.wait_s + seconds), *rest))

    return change
