"""The scenes that the stage plays: deployments, planted changes, and the behaviours that clients were measured on."""

import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.apis.specs import SPECS
from conformance.model.words import MODES
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS, MODEL, reply_to
from conformance.testbed.server.reply import ServerRequest, WireResponse, Write

sys.path.insert(0, str(Path(__file__).parents[1] / "clients"))

from client_errors import ERRORS
from client_replies import STREAMS, TEXT, WHOLES
from client_replies import reply_to as measured
from embedding_replies import ASKED, EMBEDDED

WORDS_OF_BEHAVIOURS = TEXT
NATIVE = DEPLOYMENTS["native-sse"]
LONGEST_WAIT_S = 2.0
"""A scene that waits longer is skipped: SDKs wait for ten minutes."""

MADE = {"stream": STREAMS, "unary": WHOLES}
ONLY_ON_MESSAGES = ("an_no_message_stop", "an_no_content_block_start", "an_unknown_event")
OF_CHAT = (
    "null_choices", "empty_choices", "no_choices_key", "null_delta", "content_null", "only_finish_no_content",
    "no_id_model", "missing_role", "missing_finish_reason",
)  # fmt: skip
LEFT_OUT = {
    "chat": ONLY_ON_MESSAGES,
    "messages": OF_CHAT,
    "responses": (*ONLY_ON_MESSAGES, *(name for name in OF_CHAT if name != "missing_finish_reason"), "sse_only_done"),
    "completions": (
        *ONLY_ON_MESSAGES,
        *("null_delta", "content_null", "only_finish_no_content", "missing_role", "unicode_split", "unicode_escaped"),
    ),
    "embeddings": (),
}
"""Behaviours that do not exist in an API."""
ONCE = ("done_then_hold", "slow_first_byte_5s")
ELSEWHERE = re.compile(r"https://elsewhere\.invalid(?=/)")
FEW = (
    "native-sse", "silent-json", "stopgap-501", "sse-proxy", "sse_trunc_event_boundary", "sse_trunc_mid_event_abort",
    "sse_empty", "sse_error_mid_stream", "sse_error_first", "missing_finish_reason", "an_no_content_block_start",
    "501_json_error", "501_on_stream_only", "400_on_stream_only", "404_fastapi", "422_fastapi", "500", "conn_reset",
    "429_retry_after_1", "chunk-never-finishes", "refusal-as-html", "chunk-delta-null",
)  # fmt: skip
"""The scenes for clients that take seconds per message."""
FEW_OF_EMBEDDINGS = (
    "numbers_for_base64", "base64_of_halves", "text_for_base64", "embedding_null", "embedding_of_texts", "data_empty",
    "no_data_key", "entry_list", "two_vectors", "page_200",
)  # fmt: skip
"""The scenes that they get besides, where they embed texts."""


@dataclass(frozen=True)
class Scene:
    """One scene: a pure function from the request to the reply."""

    name: str
    play: object
    modes: tuple = MODES

    def __call__(self, request):
        return _within_reach(self.play(_under_our_name(request)))


def _within_reach(reply):
    """The reply, with redirects to the stage itself, to a path outside the APIs."""
    headers = tuple((name, ELSEWHERE.sub("/elsewhere", value)) for name, value in reply.headers)
    return replace(reply, headers=headers)


def _under_our_name(request):
    """The request with the deployments' only model name, instead of the one that the client sends.

    If it offers the tool by which an agent sends its text, all other tools are removed. If tool_choice is auto, all
    tools are removed: the scenes expect text, and an agent's own prompts would trigger a tool call.
    """
    if not isinstance(request.json, dict):
        return request
    body = request.json | {"model": MODEL}
    if speaks_by_tool(body):
        body["tools"] = [tool for tool in body["tools"] if _speaks(tool)]
    elif body.get("tool_choice", "auto") in ("auto", {"type": "auto"}):
        body = {name: value for name, value in body.items() if name not in OF_TOOLS}
    return replace(request, json=body)


OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
SPEAKS = "send_message"
"""The tool by which Letta's older agents send their text."""


def _speaks(tool):
    return isinstance(tool, dict) and (tool.get("function") or {}).get("name") == SPEAKS


def speaks_by_tool(body):
    """Whether the request is from an agent that sends its text by a tool."""
    tools = body.get("tools")
    return isinstance(tools, list) and any(map(_speaks, tools))


def scenes(api):
    """All scenes of an API, by name."""
    found = [Scene(name, lambda request, d=d: reply_to(request, d)) for name, d in DEPLOYMENTS.items()]
    found += [
        Scene(change.name, lambda request, c=change: reply_to(request, DEPLOYMENTS[c.on], (c,)))
        for change in (*changes.defects(), *changes.variants())
    ]
    for name in dict.fromkeys((*ERRORS, "conn_reset", *(EMBEDDED if api == "embeddings" else (*STREAMS, *WHOLES)))):
        is_of_all = name in ERRORS or name == "conn_reset" or api == "embeddings"
        modes = MODES if is_of_all else tuple(m for m in MODES if name in MADE[m])
        if name not in ONCE and name not in LEFT_OUT[api]:
            found.append(Scene(name, lambda request, n=name: behaviour(request, n), modes))
    return {scene.name: scene for scene in found}


def behaviour(request, name):
    """The reply of a measured behaviour on any path of an API; the good deployment serves the other paths."""
    if request.api is None or request.method != "POST":
        return reply_to(request, NATIVE)
    body = request.json if isinstance(request.json, dict) else {}
    demanded = body.get("tool_choice") == "required" or isinstance(body.get("tool_choice"), dict)
    kind = "called" if demanded and request.api == "chat" else request.api
    x = measured(kind, request.mode, "text", name)
    head, blank, content = x.received.partition(b"\r\n\r\n")
    if speaks_by_tool(body):
        content = content.replace(b"get_weather", SPEAKS.encode()).replace(b"city", b"message")
        head = LENGTH.sub(b"\\g<1>%d" % len(content), head)
    end = "reset" if x.ending.how == "reset" and x.received else "clean"
    return WireResponse(
        status=200, headers=(), pieces=(Write(data=content),), framing="close", head=head + blank, end=end
    )


LENGTH = re.compile(rb"(?i)(content-length: *)[0-9]+")
NEVER = ("no-head",)
"""Not HTTP, on a connection that stays open: a client waits for ten minutes, or until its timeout."""

PATHS = {api: f"/v1{spec.path}" for api, spec in SPECS.items()}
SAID = [{"role": "user", "content": "Say hello."}]
BODIES = {
    "chat": {"messages": SAID, "max_tokens": 256},
    "messages": {"messages": SAID, "max_tokens": 256},
    "responses": {"input": SAID},
    "completions": {"prompt": "Say hello."},
    "embeddings": ASKED,
}
SCORES = {"prompt": [[70, 71, 72], [70, 71, 84]], "echo": True, "logprobs": 1, "max_tokens": 1}
"""Fields by which Completions scores prompts instead."""


def greeting(api, mode, **fields):
    """A baseline request with these fields, as the stage would receive it."""
    body = BODIES[api] | fields | {"model": MODEL} | ({"stream": True} if mode == "stream" else {})
    raw, labelled = json.dumps(body).encode(), (("content-type", "application/json"),)
    return ServerRequest(method="POST", path=PATHS[api], query="", headers=labelled, body=raw, json=body, api=api)


def is_worth_playing(scene, api, mode):
    """Whether a scene changes the response to a baseline request, and within a short time."""
    asked = [greeting(api, mode), *([greeting(api, mode, **SCORES)] if api == "completions" else [])]
    replies = [scene(request) for request in asked]
    waits = any(reply.end == "hold" or sum(p.wait_s for p in reply.pieces) > LONGEST_WAIT_S for reply in replies)
    changes_any = any(reply != reply_to(request, NATIVE) for request, reply in zip(asked, replies, strict=True))
    return not waits and scene.name not in NEVER and (scene.name == NATIVE.name or changes_any)


def whole(request):
    """The text of the good deployment's response to the same request, or the message in its tool call."""
    body = {name: value for name, value in request.json.items() if name not in ("stream", "stream_options")}
    answered = reply_to(_under_our_name(replace(request, json=body)), NATIVE)
    value = json.loads(b"".join(piece.data for piece in answered.pieces))
    if "content" in value:
        return "".join(block.get("text", "") for block in value["content"])
    if "output" in value:
        return "".join(part["text"] for item in value["output"] for part in item.get("content", ()))
    first = value["choices"][0] if value.get("choices") else {}
    if "text" in first:
        return first["text"]
    message = first.get("message", {})
    called = [json.loads(call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
    return message.get("content") or "".join(str(call.get("message", "")) for call in called)
