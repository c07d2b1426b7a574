"""A server of the Responses API that stores responses, and generates some in the background.

An embedded deployment is a pure function of the request. So a stored response's id carries what the server would have
to remember of it: how many tokens it and its history have.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from conformance.testbed.mutations.mutate_requests import sent
from conformance.testbed.mutations.mutate_responses import RESPONSES
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import ModelResponse, ServerRequest
from conformance.testbed.server.responses import usage_of

Body = dict[str, Any]
PATH = "/v1/responses"
ID = re.compile(r"resp_s([0-9]+)_([A-Za-z0-9]+)")
"""The tokens of a stored response and its history, and the id of its request."""
ACCEPTED = ("store", "background", "previous_response_id")
"""The fields that need stored responses, which the embedded server refuses."""


class Storage(NamedTuple):
    """What a server does with the responses that it says it stores."""

    remembers: bool = True
    finds: bool = True
    waits: bool = True
    """Whether a response in the background is queued; otherwise it is complete at once."""


def reading(request: ServerRequest) -> ServerRequest:
    """Accept the fields that need stored responses."""
    if request.api not in RESPONSES or request.path != PATH or not isinstance(request.json, dict):
        return request
    accepted = {name for name in ACCEPTED if _is_valid(name, request.json.get(name))}
    return replace(request, json={name: value for name, value in request.json.items() if name not in accepted})


def _is_valid(name: str, value: object) -> bool:
    return isinstance(value, str) if name == "previous_response_id" else isinstance(value, bool)


def writing(storage: Storage) -> Callable[[ModelResponse, ServerRequest], ModelResponse]:
    """Store what the request says is to be stored."""

    def write(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if request.method == "GET" and request.path.startswith(f"{PATH}/"):
            return _found(response, request, storage)
        body = sent(request)
        if request.path != PATH or response.status >= 400 or not body:
            return response
        previous = body.get("previous_response_id")
        known = ID.fullmatch(previous) if isinstance(previous, str) else None
        if isinstance(previous, str) and not known:
            missing = Refusal(status=404, message=f"No response {previous[:80]}.", param="previous_response_id")
            return refuse(missing, request)
        history = int(known[1]) if known and storage.remembers else 0
        return _stored(response, body, history, storage)

    return write


def _stored(response: ModelResponse, body: Body, history: int, storage: Storage) -> ModelResponse:
    end = response.whole if response.events is None else response.events[-1].data["response"]
    tokens = history + end["usage"]["total_tokens"]
    changes: Body = {"previous_response_id": body.get("previous_response_id")}
    if body.get("store") is True or body.get("background") is True:
        changes |= {"store": True, "id": f"resp_s{tokens}_{end['id'].removeprefix('resp_')}"}
    if body.get("background") is True:
        changes["background"] = True

    def edited(state: Body) -> Body:
        return state | changes | {"usage": _with_history(state["usage"], history)}

    if response.events is not None:
        events = [
            e.data | {"response": edited(e.data["response"])} if "response" in e.data else e.data
            for e in response.events
        ]
        return replace(
            response, events=tuple(replace(e, data=data) for e, data in zip(response.events, events, strict=True))
        )
    waiting: Body = {"status": "queued", "output": [], "usage": None, "completed_at": None, "incomplete_details": None}
    is_queued = body.get("background") is True and storage.waits
    return replace(response, whole=edited(response.whole) | (waiting if is_queued else {}))


def _with_history(usage: Body | None, history: int) -> Body | None:
    if usage is None:
        return None
    return usage | {name: usage[name] + history for name in ("input_tokens", "total_tokens")}


def _found(response: ModelResponse, request: ServerRequest, storage: Storage) -> ModelResponse:
    """The stored response, in short: its text is not remembered."""
    name = request.path.removeprefix(f"{PATH}/")
    if not (storage.finds and ID.fullmatch(name)):
        return response
    found = {"id": name, "object": "response", "created_at": request.at, "status": "in_progress", "model": "reference"}
    more: Body = {"output": [], "usage": None, "error": None, "store": True, "background": True}
    return ModelResponse(whole=found | more)


KEPT = re.compile(r"resp_k([0-9a-f]+)_([A-Za-z0-9]+)")
"""The text of a stored response, and the id of its request."""
LONGEST_KEPT = 64
"""Bytes of a text that an id can carry: clients do not send longer ids back."""


def keeping(
    found: Callable[[Body], Body] = lambda item: item,
) -> Callable[[ModelResponse, ServerRequest], ModelResponse]:
    """Store non-streaming responses with a short text unless the request says otherwise; `found` edits them."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if request.method == "GET" and (known := KEPT.fullmatch(request.path.removeprefix(f"{PATH}/"))):
            return ModelResponse(whole=found(kept(known[0], bytes.fromhex(known[1]).decode(), request)))
        whole = response.whole
        if request.path != PATH or not isinstance(whole, dict) or whole.get("object") != "response":
            return response
        text = "".join(part["text"] for item in whole["output"] for part in item.get("content", ()))
        if "store" in sent(request) or not 0 < len(text.encode()) <= LONGEST_KEPT:
            return response
        name = f"resp_k{text.encode().hex()}_{whole['id'].removeprefix('resp_')}"
        return replace(response, whole=whole | {"id": name, "store": True})

    return change


def kept(name: str, text: str, request: ServerRequest) -> Body:
    """A stored response with this text."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    stored: Body = {"id": name, "object": "response", "created_at": request.at, "status": "completed", "store": True}
    return stored | {"model": "reference", "output": [item], "usage": usage_of(9, 9), "error": None}
