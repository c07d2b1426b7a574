import json
from types import SimpleNamespace

import pytest

from conformance.testbed.mutations import changes
from conformance.testbed.server.body import parse
from conformance.testbed.server.deployments import NATIVE_SSE, reply_to
from conformance.testbed.server.endpoints import api_of
from conformance.testbed.server.reply import ServerRequest

HELLO = {"model": "reference", "messages": [{"role": "user", "content": "say hello"}]}
LABEL = (("content-type", "application/json"),)


def payloads(raw):
    """The `data` of each event, decoded where it is JSON."""
    lines = [line[len("data: ") :] for line in raw.decode().split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def _ask(  # noqa: PLR0913 - a request has that many parts
    body=None,
    deployment=NATIVE_SSE,
    *,
    path="/v1/chat/completions",
    method="POST",
    headers=LABEL,
    key=None,
    changes=(),
    raw=None,
):
    raw = raw if raw is not None else json.dumps(body).encode()
    request = ServerRequest(
        method=method,
        path=path,
        query="",
        headers=tuple(headers),
        body=raw,
        json=parse(raw).value,
        api=api_of(path),
        id="1",
        at=1_760_000_000,
    )
    reply = reply_to(request, deployment, changes, key=key)
    content = b"".join(piece.data for piece in reply.pieces)
    streamed = reply.framing == "chunked"
    return SimpleNamespace(
        status=reply.status,
        headers=dict(reply.headers),
        reply=reply,
        content=content,
        json=None if streamed else json.loads(content),
        events=payloads(content) if streamed else None,
    )


def _chat(deployment=NATIVE_SSE, /, prompt=None, **fields):
    """One chat request, with these messages, or with one user message."""
    messages = {"messages": [{"role": "user", "content": prompt}]} if prompt else {}
    return _ask(HELLO | messages | fields, deployment)


def _assemble(events):
    """Each choice of a stream, assembled into a message, with its finish_reason and logprobs."""
    choices = {}
    for chunk in events:
        for choice in chunk["choices"] if chunk != "[DONE]" else ():
            whole = choices.setdefault(choice["index"], {"content": "", "calls": {}, "finish": None, "logprobs": []})
            delta = choice["delta"]
            whole["content"] += delta.get("content") or ""
            for call in delta.get("tool_calls", ()):
                kept = whole["calls"].setdefault(call["index"], {"name": "", "arguments": "", "id": call.get("id")})
                kept["name"] += call["function"].get("name", "")
                kept["arguments"] += call["function"].get("arguments", "")
            whole["finish"] = choice["finish_reason"] or whole["finish"]
            whole["logprobs"] += (choice["logprobs"] or {}).get("content") or []
    return [choices[index] for index in sorted(choices)]


def _choices(received):
    """The choices of a response, streamed or not, in one shape."""
    if received.events is not None:
        return _assemble(received.events)
    return [
        {
            "content": c["message"]["content"] or "",
            "calls": {
                n: {"name": t["function"]["name"], "arguments": t["function"]["arguments"], "id": t["id"]}
                for n, t in enumerate(c["message"].get("tool_calls", ()))
            },
            "finish": c["finish_reason"],
            "logprobs": (c["logprobs"] or {}).get("content") or [],
        }
        for c in received.json["choices"]
    ]


@pytest.fixture
def ask():
    return _ask


@pytest.fixture
def chat():
    return _chat


@pytest.fixture
def choices():
    return _choices


@pytest.fixture(params=[False, True], ids=["unary", "stream"])
def both(request):
    """`_chat`, once non-streaming and once streaming."""
    return lambda deployment=NATIVE_SSE, /, **fields: _chat(deployment, **fields, stream=request.param)


PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}


@pytest.fixture
def tell():
    """One request in a vendor's dialect, with the key where every vendor accepts it."""

    def tell(name, api, **body):
        headers = (*LABEL, ("x-api-key", "k"))
        return _ask({"model": "reference"} | body, path=PATHS[api], headers=headers, changes=(changes.find(name),))

    return tell
