"""Chat Completions: read a request body, and write the model's output as a completion or as chunks."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from conformance.testbed.server.model import Generation, GenerationRequest, Tool, generate
from conformance.testbed.server.reply import Event, ModelResponse, ServerRequest
from conformance.testbed.server.usage import prompt_tokens

SECONDS_A_TOKEN = 0.003
FINGERPRINT = "fp_reference"
LIKELY, UNLIKELY = -0.05, -3.0
DONE = Event(data="[DONE]")

Body = dict[str, Any]


def answer_chat(request: ServerRequest) -> ModelResponse:
    """The response to a valid Chat Completions request."""
    body: Body = request.json
    generation = generate(replace(turn_of(body), reasoning=request.reasoning.tokens))
    choices = [generation] * int(body.get("n") or 1)
    if request.mode == "stream":
        return ModelResponse(events=tuple(_events(request, body, choices)))
    return ModelResponse(whole=_completion(request, body, choices), wait_s=generation.tokens * SECONDS_A_TOKEN)


def turn_of(body: Body) -> GenerationRequest:
    """The Turn that the body requests."""
    messages = body["messages"]
    users = [m for m in messages if m["role"] == "user"]
    caps = [int(body[name]) for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    tools, choice = _callable(body)
    return GenerationRequest(
        prompt=text_of(users[-1]["content"]) if users else "",
        after_tool=messages[-1]["role"] == "tool",
        tools=tools,
        choice=choice,
        parallel=body.get("parallel_tool_calls", True),
        format=format_of(body.get("response_format") or {}),
        cap=min(caps) if caps else None,
        stops=stops_of(body),
        forced=is_forced(body),
    )


MOST_BIAS = 100
"""The bias that makes a token the only one, as the API documents it."""


def stops_of(body: Body) -> tuple[str, ...]:
    """The stop sequences that the body requests."""
    stop = body.get("stop") or []
    return (stop,) if isinstance(stop, str) else tuple(stop)


def is_forced(body: Body) -> bool:
    """Whether the body's `logit_bias` makes one token the only one."""
    return any(bias >= MOST_BIAS for bias in (body.get("logit_bias") or {}).values())


def text_of(content: Any) -> str:
    """The last text of a message's content, a string or parts."""
    if isinstance(content, list):
        return next((part["text"] for part in reversed(content) if isinstance(part.get("text"), str)), "")
    return content or ""


def _callable(body: Body) -> tuple[tuple[Tool, ...], Any]:
    """The tools that may be called, and the mode of tool_choice."""
    functions = [tool["function"] for tool in body.get("tools") or ()]
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and choice["type"] == "function":
        functions, choice = [f for f in functions if f["name"] == choice["function"]["name"]], "required"
    elif isinstance(choice, dict):
        allowed = choice["allowed_tools"]
        names = {tool["function"]["name"] for tool in allowed["tools"]}
        functions, choice = [f for f in functions if f["name"] in names], allowed["mode"]
    return tuple(Tool(name=f["name"], parameters=f.get("parameters") or {}) for f in functions), choice


def format_of(wanted: Body) -> Any:
    """The JSON Schema that the content must satisfy, or None for text."""
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"const": "Hello!"}}}
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"].get("schema") or {"type": "object"}
    return None


def _usage(body: Body, choices: list[Generation]) -> Body:
    prompt = prompt_tokens(body["messages"], body.get("tools"), body.get("response_format"))
    completion = sum(generation.tokens for generation in choices)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(len(generation.reasoning) for generation in choices),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _frame(request: ServerRequest, body: Body, kind: str) -> Body:
    tier = {"service_tier": "default"} if body.get("service_tier") else {}
    frame = {"id": f"chatcmpl-{request.id}", "object": kind, "created": request.at, "model": body["model"]}
    return {**frame, **tier, "system_fingerprint": FINGERPRINT}


def _completion(request: ServerRequest, body: Body, choices: list[Generation]) -> Body:
    whole = [
        {
            "index": index,
            "message": _message(request, index, generation),
            "logprobs": _logprobs(generation.text, body),
            "finish_reason": generation.finish,
        }
        for index, generation in enumerate(choices)
    ]
    return {**_frame(request, body, "chat.completion"), "choices": whole, "usage": _usage(body, choices)}


def _message(request: ServerRequest, index: int, generation: Generation) -> Body:
    message: Body = {
        "role": "assistant",
        "content": None if generation.calls else "".join(generation.text),
        "refusal": None,
    }
    if request.reasoning.field and generation.reasoning:
        message[request.reasoning.field] = "".join(generation.reasoning)
    if generation.calls:
        message["tool_calls"] = [
            {
                "id": _call_id(request, index, number),
                "type": "function",
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for number, call in enumerate(generation.calls)
        ]
    return message


def _call_id(request: ServerRequest, index: int, number: int) -> str:
    return f"call_{request.id}_{index}_{number}"


def _logprobs(tokens: tuple[str, ...], body: Body) -> Body | None:
    if not body.get("logprobs") or not tokens:
        return None
    count = int(body.get("top_logprobs") or 0)
    content = [_logprob(token) | {"top_logprobs": _likeliest(token, count)} for token in tokens]
    return {"content": content, "refusal": None}


def _logprob(token: str, value: float = LIKELY) -> Body:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def _likeliest(token: str, count: int) -> list[Body]:
    others = [_logprob(f" other{n}", UNLIKELY - n) for n in range(1, count)]
    return [_logprob(token), *others] if count else []


def _events(request: ServerRequest, body: Body, choices: list[Generation]) -> Iterator[Event]:
    options = body.get("stream_options") or {}
    wants_usage, obfuscated = options.get("include_usage") is True, options.get("include_obfuscation") is True
    frame = _frame(request, body, "chat.completion.chunk")

    def event(payload: Body, wait_s: float = 0.0) -> Event:
        usage = {"usage": None} if wants_usage else {}
        padding = {"obfuscation": "x" * (8 - request.at % 8)} if obfuscated else {}
        return Event(data={**frame, **usage, **padding, **payload}, wait_s=wait_s)

    for index, generation in enumerate(choices):
        opening = {"role": "assistant", "content": None if generation.calls else "", "refusal": None}
        yield event({"choices": [_choice(index, opening)]}, 0.0 if index else _silence(request, generation))
    for step in zip_longest(*(_deltas(request, index, generation, body) for index, generation in enumerate(choices))):
        for number, choice in enumerate(c for c in step if c):
            yield event({"choices": [choice]}, 0.0 if number else SECONDS_A_TOKEN)
    for index, generation in enumerate(choices):
        yield event({"choices": [_choice(index, {}, finish=generation.finish)]})
    if wants_usage:
        yield event({"choices": [], "usage": _usage(body, choices)})
    yield DONE


def _silence(request: ServerRequest, generation: Generation) -> float:
    """The seconds of reasoning that the response does not show."""
    return 0.0 if request.reasoning.field else len(generation.reasoning) * SECONDS_A_TOKEN


def buffered_chunks(whole: Body, body: Body) -> Iterator[Event]:
    """A non-streaming completion as a proxy wraps it: one chunk with all the content, then the end."""
    wants_usage = (body.get("stream_options") or {}).get("include_usage") is True
    frame = {k: v for k, v in whole.items() if k not in ("choices", "usage")} | {"object": "chat.completion.chunk"}
    frame |= {"usage": None} if wants_usage else {}
    deltas = [_whole_delta(choice) for choice in whole["choices"]]
    yield Event(data=frame | {"choices": deltas})
    ends = [_choice(c["index"], {}, finish=c["finish_reason"]) for c in whole["choices"]]
    yield Event(data=frame | {"choices": ends})
    if wants_usage:
        yield Event(data=frame | {"choices": [], "usage": whole["usage"]})
    yield DONE


def _whole_delta(choice: Body) -> Body:
    message = choice["message"]
    calls = [{"index": n, **call} for n, call in enumerate(message.get("tool_calls") or ())]
    delta = message | ({"tool_calls": calls} if calls else {})
    return _choice(choice["index"], delta, choice["logprobs"])


def _choice(index: int, delta: Body, logprobs: Body | None = None, finish: str | None = None) -> Body:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _deltas(request: ServerRequest, index: int, generation: Generation, body: Body) -> Iterator[Body]:
    """One choice's deltas, one per token."""
    for token in generation.reasoning if request.reasoning.field else ():
        yield _choice(index, {request.reasoning.field: token})
    for token in generation.text:
        yield _choice(index, {"content": token}, _logprobs((token,), body))
    for number, call in enumerate(generation.calls):
        function = {"name": call.name, "arguments": ""}
        opening = {"index": number, "id": _call_id(request, index, number), "type": "function", "function": function}
        yield _choice(index, {"tool_calls": [opening]})
        for token in call.arguments:
            yield _choice(index, {"tool_calls": [{"index": number, "function": {"arguments": token}}]})
