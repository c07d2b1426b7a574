"""A toy model behind FastAPI: every error has the API's error object."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MODEL = "toy"

app = FastAPI()


class Strict(BaseModel):
    """Undeclared fields and wrong types are errors, in nested objects too."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(Strict):
    type: Literal["text"]
    text: str


class FunctionCall(Strict):
    name: str
    arguments: str


class ToolCall(Strict):
    id: str
    type: Literal["function"]
    function: FunctionCall


class Message(Strict):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        parts = self.content if isinstance(self.content, list) else []
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in parts)


class Function(Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"]
    function: Function


class StreamOptions(Strict):
    include_usage: bool | None = None


class TextFormat(Strict):
    type: Literal["text"]


Cap = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]

WITHOUT_EFFECT = (
    "tools", "parallel_tool_calls", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "user",
)  # fmt: skip
"""Accepted, because frameworks always send some of them, and announced as ignored."""


class ChatRequest(Strict):
    # Honoured
    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Cap | None = None
    max_completion_tokens: Cap | None = None
    stop: str | list[str] | None = None

    # Accepted without effect
    tools: list[Tool] | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: int | None = None
    user: str | None = None

    # Accepted with the value that changes nothing; any other is rejected by name, as is any other field
    tool_choice: Literal["auto", "none"] | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: None = None
    logit_bias: None = None
    response_format: TextFormat | None = None

    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def announcement(self) -> dict[str, str]:
        """The header that names the accepted fields without effect."""
        ignored = [name for name in WITHOUT_EFFECT if getattr(self, name) is not None]
        return {"X-Ignored-Params": ", ".join(ignored)} if ignored else {}


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


async def generate(messages: list[Message]) -> AsyncIterator[str]:
    """The model: yield one token after the other."""
    said = [message.text() for message in messages if message.role == "user"]
    for word in words(f"You said: {said[-1] if said else 'nothing'}"):
        await asyncio.sleep(0.005)
        yield word


class Generation:
    """One run of the model, up to the token cap or a stop sequence."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.cap = request.max_completion_tokens or request.max_tokens
        self.completion_tokens = 0
        self.finish_reason = "stop"

    async def pieces(self) -> AsyncIterator[str]:
        """Yield text as soon as no stop sequence can begin with it."""
        stops, held = self.request.stops(), ""
        async for token in generate(self.request.messages):
            if self.completion_tokens == self.cap:
                self.finish_reason = "length"
                break
            self.completion_tokens += 1
            held += token
            if ends := [held.find(stop) for stop in stops if stop in held]:
                held = held[: min(ends)]
                break
            sure = len(held) - longest_beginning(stops, held)
            if sure:
                yield held[:sure]
            held = held[sure:]
        if held:
            yield held

    def usage(self) -> dict[str, int]:
        prompt = len(words(self.request.model_dump_json(include={"messages", "tools"}, indent=1)))
        total = prompt + self.completion_tokens
        return {"prompt_tokens": prompt, "completion_tokens": self.completion_tokens, "total_tokens": total}


def longest_beginning(stops: list[str], text: str) -> int:
    """The length of the longest beginning of a stop sequence with which a text ends."""
    return max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)


def envelope(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


async def events(generation: Generation) -> AsyncIterator[str]:
    """The role, a chunk for each piece of text, the finish reason, the usage if requested, and the end marker."""
    options = generation.request.stream_options
    with_usage = options is not None and options.include_usage
    common = envelope("chat.completion.chunk") | ({"usage": None} if with_usage else {})

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        return event({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield chunk({"role": "assistant", "content": ""})
    async for piece in generation.pieces():
        yield chunk({"content": piece})
    yield chunk({}, generation.finish_reason)
    if with_usage:
        yield event({**common, "choices": [], "usage": generation.usage()})
    yield "data: [DONE]\n\n"


async def completion(generation: Generation) -> dict[str, Any]:
    content = "".join([piece async for piece in generation.pieces()])
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": generation.finish_reason}
    return {**envelope("chat.completion"), "choices": [choice], "usage": generation.usage()}


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest) -> Response:
    if request.model != MODEL:
        return no_such_model(request.model)
    generation = Generation(request)
    headers = request.announcement()
    if request.stream:
        headers["X-Accel-Buffering"] = "no"  # nginx forwards each event at once
        return StreamingResponse(events(generation), media_type="text/event-stream", headers=headers)
    return JSONResponse(await completion(generation), headers=headers)


def error(status: int, message: str, *, param: str | None = None, code: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)


def no_such_model(name: str) -> JSONResponse:
    return error(404, f"The model `{name[:100]}` does not exist.", param="model", code="model_not_found")


@app.exception_handler(RequestValidationError)
async def invalid_request(_: Request, found: RequestValidationError) -> JSONResponse:
    """Name the first invalid field, and repeat nothing else of the request."""
    first = found.errors()[0]
    if first["type"] == "json_invalid":
        return error(400, "The request body is not JSON.")
    field = ".".join(str(part) for part in first["loc"][1:])
    return error(400, f"Invalid value for `{field or 'body'}`: {first['msg']}.", param=field or None)


@app.exception_handler(HTTPException)
async def http_error(_: Request, found: HTTPException) -> JSONResponse:
    """An unknown path, or a wrong method."""
    response = error(found.status_code, f"{found.detail}.")
    response.headers.update(found.headers or {})
    return response


@app.exception_handler(Exception)
async def server_error(_: Request, __: Exception) -> JSONResponse:
    return error(500, "The server failed to handle the request.")
