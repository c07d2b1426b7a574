"""Responses by their defect, or good ones, as exchanges: those that real clients were measured with.

A response is of one kind: text on chat, on messages, on responses or on completions, embeddings, or `called`: on chat,
to a request that demands a tool call.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from client_errors import ERRORS, JSON
from embedding_replies import ASKED, EMBEDDED

from conformance.model.exchange import Ending, Exchange
from conformance.model.words import Mode
from conformance.rules.example import exchange, http

WORDS = ("Good day", ", and welcome", " to the harbour", ". Mind the", " step.")
KEPT = 3
SSE = (("content-type", "text/event-stream; charset=utf-8"),)
CHUNK = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1_750_000_000, "model": "a-model"}
TEXT = "".join(WORDS)

Event = tuple[str, Any]
Kind = Literal["chat", "messages", "responses", "called", "completions", "embeddings"]
DEMAND = {"tool_choice": "required", "stream": True}


def chunk(delta: Any, finish: str | None = None) -> Event:
    return "", CHUNK | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def tool_part(**fields: Any) -> Event:
    return chunk({"tool_calls": [fields]})


def text_chunk(text: str, finish: str | None = None) -> Event:
    return "", TEXT_CHUNK | {"choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}


TEXT_CHUNK = CHUNK | {"id": "cmpl-7", "object": "text_completion"}
WRITTEN = [text_chunk(word) for word in WORDS]
ROLE = chunk({"role": "assistant", "content": ""})
NO_TEXT = chunk({"role": "assistant", "content": None})
SAID = [chunk({"content": word}) for word in WORDS]
STOP = chunk({}, "stop")
DONE: Event = ("", "[DONE]")
CALL_START = {"id": "call_7", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
CALL_PARTS = ['{"city"', ': "Oslo', '"}']


def typed(kind: str, **fields: Any) -> Event:
    return kind, {"type": kind, **fields}


USAGE = {"input_tokens": 9, "output_tokens": 1}
MESSAGE = {"id": "msg_7", "type": "message", "role": "assistant", "model": "a-model", "content": [], "usage": USAGE}
BEGUN = typed("message_start", message=MESSAGE | {"stop_reason": None, "stop_sequence": None})
BLOCK = typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
SPOKEN = [typed("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in WORDS]
BLOCK_END = typed("content_block_stop", index=0)
ENDING = typed("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 9})
OVER = typed("message_stop")

PART = {"type": "output_text", "text": TEXT, "annotations": []}
ITEM = {"type": "message", "id": "msg_7", "status": "completed", "role": "assistant", "content": [PART]}
SPENT = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
RESPONSE = {"id": "resp_7", "object": "response", "created_at": 1_750_000_000, "status": "completed", "error": None}
RESPONSE |= {"incomplete_details": None, "model": "a-model", "output": [ITEM], "usage": SPENT}
IN_PROGRESS = RESPONSE | {"status": "in_progress", "output": [], "usage": None}
AT = {"item_id": "msg_7", "output_index": 0, "content_index": 0}
TOLD = [
    typed("response.created", response=IN_PROGRESS),
    typed("response.in_progress", response=IN_PROGRESS),
    typed("response.output_item.added", output_index=0, item=ITEM | {"status": "in_progress", "content": []}),
    typed("response.content_part.added", **AT, part=PART | {"text": ""}),
    *(typed("response.output_text.delta", **AT, delta=word, logprobs=[]) for word in WORDS),
    typed("response.output_text.done", **AT, text=TEXT, logprobs=[]),
    typed("response.content_part.done", **AT, part=PART),
    typed("response.output_item.done", output_index=0, item=ITEM),
    typed("response.completed", response=RESPONSE),
]

GROWN = [{"index": 0, "function": {"arguments": part}} for part in CALL_PARTS]
CALLED = [tool_part(**part) for part in ({"index": 0} | CALL_START, *GROWN)]
GOOD: dict[Kind, list[Event]] = {
    "chat": [ROLE, *SAID, STOP, DONE],
    "called": [NO_TEXT, *CALLED, chunk({}, "tool_calls"), DONE],
    "messages": [BEGUN, BLOCK, *SPOKEN, BLOCK_END, ENDING, OVER],
    "responses": TOLD,
    "completions": [*WRITTEN, text_chunk("", "stop"), DONE],
}
CUT: dict[Kind, list[Event]] = {
    "chat": [ROLE, *SAID[:KEPT]],
    "called": [NO_TEXT, *CALLED[:KEPT]],
    "messages": [BEGUN, BLOCK, *SPOKEN[:KEPT]],
    "responses": TOLD[:4],
    "completions": WRITTEN[:KEPT],
}


def encode(event: Event, *, end: str = "\n", space: str = " ", names: bool = True) -> bytes:
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data)
    label = f"event:{space}{name}{end}" if name and names else ""
    return f"{label}data:{space}{text}{end}{end}".encode()


def stream(events: Sequence[Event], **how: Any) -> bytes:
    return b"".join(encode(event, **how) for event in events)


def spread(event: Event) -> bytes:
    """One event whose JSON is spread over many data lines."""
    name, data = event
    text = data if isinstance(data, str) else json.dumps(data, indent=1)
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return (f"event: {name}\n" if name else "").encode() + lines.encode() + b"\n"


def chunked(body: bytes, *, headers: Any = SSE, pieces: int = 0, ended: bool = True) -> bytes:
    size = pieces or max(1, len(body))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    head = http(200, (*headers, ("transfer-encoding", "chunked")), b"", length=False)
    last = b"0\r\n\r\n" if ended else b""
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + last


def received(kind: Kind, mode: Mode, raw: bytes, how: str = "closed", phase: Any = "body") -> Exchange:
    api, body = ("chat", DEMAND) if kind == "called" else (kind, ASKED if kind == "embeddings" else None)
    ending = Ending(how, phase, 0)  # type: ignore[arg-type]
    return exchange(raw, mode=mode, probe=f"{api}.hello", ending=ending, body=body)


def streamed(api: Kind, events: Sequence[Event]) -> Exchange:
    return received(api, "stream", chunked(stream(events)))


Make = Callable[[Kind], Exchange]


def framed(make: Callable[[list[Event]], bytes]) -> Make:
    return lambda api: received(api, "stream", make(GOOD[api]))


def inserted(event: Any) -> Make:
    """A stray chunk in the middle of a chat stream."""
    return lambda api: streamed(api, [*GOOD[api][:2], ("", CHUNK | event), *GOOD[api][2:]])


def failing(by_api: dict[Kind, Event], kept: bool = True) -> Make:  # noqa: FBT001, FBT002
    def make(api: Kind) -> Exchange:
        before = CUT[api] if kept else CUT[api][:0]
        last = [DONE] if api in ("chat", "called", "completions") else []
        return streamed(api, [*before, by_api.get(api, by_api["chat"]), *last])

    return make


UPSTREAM = {"error": {"message": "the model went away", "type": "server_error", "param": None, "code": None}}
AN_ERROR = typed("error", error={"type": "overloaded_error", "message": "the model went away"})
A_FAILURE = typed("error", code="server_error", message="the model went away", param=None, sequence_number=9)
FAILURES: dict[Kind, Event] = {"chat": ("", UPSTREAM), "messages": AN_ERROR, "responses": A_FAILURE}
NAMED_FAILURES: dict[Kind, Event] = {
    "chat": ("error", UPSTREAM),
    "messages": ("error", {"message": "gone"}),
    "responses": ("error", {"message": "gone"}),
}
EMPTY_BODY: Make = lambda api: received(api, "stream", http(200, JSON, b""))  # noqa: E731
HALF = b'data: {"id":"chatcmpl-7","object":"chat.comp'


def cut(api: Kind, *, half: bool = False, ended: bool = True, how: str = "closed") -> Exchange:
    name = b"event: content_block_delta\n" if api == "messages" else b""
    return received(api, "stream", chunked(stream(CUT[api]) + (name + HALF if half else b""), ended=ended), how)


def closed_early(api: Kind) -> Exchange:
    return received(api, "stream", http(200, SSE, stream(CUT[api]), length=False))


def unfinished(api: Kind) -> Exchange:
    if api == "responses":
        return streamed(api, GOOD[api][:-1])
    return streamed(api, GOOD[api] if api == "messages" else [*GOOD[api][:-2], DONE])


def escaped(api: Kind) -> list[Event]:
    word = "Grüße \N{PARTY POPPER} 你好"
    if api == "called":
        arguments = json.dumps({"city": word}, ensure_ascii=False)
        said = {"index": 0} | CALL_START | {"function": {"name": "get_weather", "arguments": arguments}}
        return [NO_TEXT, tool_part(**said), *GOOD[api][-2:]]
    if api == "chat":
        return [ROLE, chunk({"content": word}), STOP, DONE]
    if api == "responses":
        said = [PART | {"text": word}]
        whole_one = RESPONSE | {"output": [ITEM | {"content": said}]}
        delta = typed("response.output_text.delta", **AT, delta=word, logprobs=[])
        return [*TOLD[:4], delta, typed("response.completed", response=whole_one)]
    return [
        BEGUN,
        BLOCK,
        typed("content_block_delta", index=0, delta={"type": "text_delta", "text": word}),
        BLOCK_END,
        ENDING,
        OVER,
    ]


def raw_utf8(api: Kind) -> Exchange:
    body = stream(escaped(api)).decode()
    for char in "üß你好":
        body = body.replace(json.dumps(char)[1:-1], char)
    return received(api, "stream", chunked(body.encode(), pieces=1))


def without_usage(api: Kind) -> Exchange:
    if api == "responses":
        return streamed(api, [*TOLD[:-1], typed("response.completed", response=RESPONSE | {"usage": None})])
    if api != "messages":
        return streamed(api, GOOD[api])
    begun = typed("message_start", message={k: v for k, v in BEGUN[1]["message"].items() if k != "usage"})
    ending = typed("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None})
    return streamed(api, [begun, BLOCK, *SPOKEN, BLOCK_END, ending, OVER])


def whole(api: Kind) -> dict[str, Any]:
    if api == "called":
        return tool_answer("chat", "".join(CALL_PARTS))
    if api == "responses":
        return RESPONSE
    if api == "messages":
        told = {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "stop_sequence": None}
        return MESSAGE | told
    said = {"role": "assistant", "content": TEXT}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    if api == "completions":
        choice = {"index": 0, "text": TEXT, "logprobs": None, "finish_reason": "stop"}
        return TEXT_CHUNK | {"choices": [choice], "usage": usage}
    return CHUNK | {"object": "chat.completion", "choices": [choice], "usage": usage}


def answered(api: Kind, mode: Mode, value: Any, headers: Any = JSON) -> Exchange:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return received(api, mode, http(200, headers, body))


def in_message(**changes: Any) -> dict[str, Any]:
    """The non-streaming chat response with fields of its message changed; `...` removes one."""
    return altered(whole("chat"), **changes)


def altered(answer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    choice = answer["choices"][0]
    message = {k: v for k, v in (choice["message"] | changes).items() if v is not ...}
    return answer | {"choices": [choice | {"message": message}]}


AFTER: dict[Kind, Event] = {"messages": SPOKEN[0], "responses": TOLD[4]}
STREAMS: dict[str, Make] = {
    "ok_sse": lambda api: streamed(api, GOOD[api]),
    "json_200_on_stream": lambda api: answered(api, "stream", whole(api)),
    "json_empty_body": EMPTY_BODY,
    "sse_ct_text_plain": lambda api: received(
        api, "stream", chunked(stream(GOOD[api]), headers=(("content-type", "text/plain"),))
    ),
    "sse_ct_json": lambda api: received(api, "stream", chunked(stream(GOOD[api]), headers=JSON)),
    "sse_no_ct": lambda api: received(api, "stream", chunked(stream(GOOD[api]), headers=())),
    "sse_missing_done": lambda api: streamed(api, [e for e in GOOD[api] if e is not DONE]),
    "sse_trunc_event_boundary": cut,
    "sse_trunc_mid_event_clean": lambda api: cut(api, half=True),
    "sse_trunc_mid_event_abort": lambda api: cut(api, half=True, ended=False),
    "sse_trunc_close_framing": closed_early,
    "sse_rst_midway": lambda api: cut(api, ended=False, how="reset"),
    "sse_empty": lambda api: streamed(api, []),
    "sse_only_done": lambda api: streamed(api, [OVER if api == "messages" else DONE]),
    "sse_comments_only": lambda api: received(api, "stream", chunked(b": waiting\n\n" * 3)),
    "sse_error_mid_stream": failing(FAILURES),
    "sse_error_first": failing(FAILURES, kept=False),
    "sse_error_named_event": failing(NAMED_FAILURES),
    "sse_error_string": failing({"chat": ("", {"error": "gone"}), "messages": ("", {"error": "gone"})}),
    "sse_bad_json": failing({"chat": ("", "{oops"), "messages": ("", "{oops")}),
    "sse_cr": framed(lambda events: chunked(stream(events, end="\r"))),
    "sse_single_newline": framed(lambda events: chunked(stream(events).replace(b"\n\n", b"\n"))),
    "sse_no_trailing_blank": framed(lambda events: chunked(stream(events).rstrip())),
    "sse_no_space": framed(lambda events: chunked(stream(events, space=""))),
    "sse_comments": framed(lambda events: chunked(b"".join(b": still there\n\n" + encode(e) for e in events))),
    "sse_multiline_data": framed(lambda events: chunked(b"".join(spread(e) for e in events))),
    "sse_no_data_prefix": framed(lambda events: chunked(b"".join(json.dumps(e[1]).encode() + b"\n" for e in events))),
    "data_after_done": lambda api: streamed(api, [*GOOD[api], AFTER.get(api, SAID[0])]),
    "done_no_space": framed(lambda events: chunked(stream(events[:-1]) + encode(events[-1], space=""))),
    "unicode_split": raw_utf8,
    "unicode_escaped": lambda api: streamed(api, escaped(api)),
    "gzip_sse": framed(
        lambda events: chunked(gzip.compress(stream(events)), headers=(*SSE, ("content-encoding", "gzip")))
    ),
    "buffered": framed(lambda events: http(200, SSE, stream(events))),
    "byte_by_byte": framed(lambda events: chunked(stream(events), pieces=1)),
    "missing_finish_reason": unfinished,
    "missing_role": lambda api: streamed(api, [chunk({"content": ""}), *GOOD[api][1:]]),
    "usage_missing": without_usage,
    "null_choices": inserted({"choices": None}),
    "empty_choices": inserted({"choices": []}),
    "no_choices_key": inserted({}),
    "null_delta": inserted({"choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
    "content_null": lambda api: streamed(api, [NO_TEXT, GOOD[api][1], chunk({"content": None}), *GOOD[api][2:]]),
    "only_finish_no_content": lambda api: streamed(api, [ROLE, STOP, DONE]),
    "no_id_model": lambda api: streamed(
        api, [(n, {"choices": v["choices"]} if isinstance(v, dict) else v) for n, v in GOOD[api]]
    ),
    "done_then_hold": lambda api: received(api, "stream", chunked(stream(GOOD[api]), ended=False), "timeout"),
    "slow_first_byte_5s": lambda api: streamed(api, GOOD[api]),
    "an_no_message_stop": lambda api: streamed(api, GOOD[api][:-1]),
    "an_no_content_block_start": lambda api: streamed(api, [e for e in GOOD[api] if e is not BLOCK]),
    "an_unknown_event": lambda api: streamed(api, [*GOOD[api][:3], typed("x_news", n=1), *GOOD[api][3:]]),
}


def called(first: dict[str, Any], *later: dict[str, Any], finish: str | None = "tool_calls") -> Make:
    end = [chunk({}, finish)] if finish else []
    return lambda api: streamed(api, [NO_TEXT, *(tool_part(**part) for part in (first, *later)), *end, DONE])


AT_ONCE = CALL_START["function"] | {"arguments": "".join(CALL_PARTS)}  # type: ignore[operator]
TOOL_STREAMS: dict[str, Make] = {
    "ok_sse": lambda api: called({"index": 0} | CALL_START, *GROWN)(api) if api == "chat" else used(),
    "tc_no_index": called(CALL_START, *({"function": part["function"]} for part in GROWN)),
    "tc_no_type": called({"index": 0, "id": "call_7", "function": CALL_START["function"]}, *GROWN),
    "tc_one_chunk": called({"index": 0} | CALL_START | {"function": AT_ONCE}),
    "tc_args_object": called({"index": 0} | CALL_START | {"function": AT_ONCE | {"arguments": {"city": "Oslo"}}}),
    "tc_finish_stop": called({"index": 0} | CALL_START, *GROWN, finish="stop"),
    "missing_finish_reason": called({"index": 0} | CALL_START, *GROWN, finish=None),
}


def used() -> Exchange:
    block = {"type": "tool_use", "id": "toolu_7", "name": "get_weather", "input": {}}
    grown = [
        typed("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": part})
        for part in CALL_PARTS
    ]
    opened = typed("content_block_start", index=0, content_block=block)
    return streamed("messages", [BEGUN, opened, *grown, BLOCK_END, ENDING, OVER])


WHOLES: dict[str, Callable[[Kind], Any]] = {
    "ok_json": whole,
    "json_wrong_ct": whole,
    "json_empty_body": lambda _api: b"",
    "null_choices": lambda api: whole(api) | {"choices": None},
    "empty_choices": lambda api: whole(api) | {"choices": []},
    "no_choices_key": lambda api: {k: v for k, v in whole(api).items() if k != "choices"},
    "content_null": lambda api: altered(whole(api), content=None) if api != "messages" else whole(api),
    "missing_role": lambda api: altered(whole(api), role=...) if api != "messages" else whole(api),
    "missing_finish_reason": lambda api: (
        whole(api) | {"choices": [{"index": 0, "message": whole(api)["choices"][0]["message"]}]}
        if api in ("chat", "called")
        else whole(api)
    ),
    "usage_missing": lambda api: {k: v for k, v in whole(api).items() if k != "usage"},
}


OF_WHOLES = {
    "json_wrong_ct": (("content-type", "text/plain"),),
    "page_200": (("content-type", "text/html; charset=utf-8"),),
}
"""The headers of a non-streaming response that is not labelled as JSON."""


def tool_answer(api: Kind, arguments: Any) -> dict[str, Any]:
    if api == "messages":
        return whole(api) | {"content": [{"type": "tool_use", "id": "t", "name": "get_weather", "input": {}}]}
    call = CALL_START | {"function": AT_ONCE | {"arguments": arguments}}
    return in_message(content=None, tool_calls=[call])


def reply_to(api: Kind, mode: Mode, script: str, behaviour: str) -> Exchange:
    """The exchange with a server of this behaviour. The script is `text`, or `tool` for a tool call by choice."""
    if behaviour == "conn_reset":
        return received(api, mode, b"", "reset", "first-byte")
    if behaviour in ERRORS and not (mode == "unary" and behaviour.endswith("on_stream_only")):
        status, headers, value = ERRORS[behaviour]
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return received(api, mode, http(status, headers, body))
    if mode == "stream":
        return (STREAMS if script == "text" else TOOL_STREAMS)[behaviour](api)
    if script == "tool":
        return answered(api, mode, tool_answer(api, {"city": "Oslo"} if behaviour == "tc_args_object" else '{"a": 1}'))
    headers = OF_WHOLES.get(behaviour, JSON)
    if api == "embeddings":
        return answered(api, mode, EMBEDDED.get(behaviour, EMBEDDED["ok_json"]), headers)
    return answered(api, mode, WHOLES.get(behaviour, whole)(api), headers)
