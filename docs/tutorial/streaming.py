"""A toy model behind FastAPI: it streams, and counts its tokens."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

MODEL = "toy"

app = FastAPI()


class Message(BaseModel):
    role: str
    content: str


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


async def generate(messages: list[Message]) -> AsyncIterator[str]:
    """The model: yield one token after the other."""
    for word in words(f"You said: {messages[-1].content}"):
        await asyncio.sleep(0.005)
        yield word


class Generation:
    """One run of the model."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.completion_tokens = 0
        self.finish_reason = "stop"

    async def pieces(self) -> AsyncIterator[str]:
        async for token in generate(self.request.messages):
            self.completion_tokens += 1
            yield token

    def usage(self) -> dict[str, int]:
        prompt = len(words(self.request.model_dump_json(include={"messages"}, indent=1)))
        total = prompt + self.completion_tokens
        return {"prompt_tokens": prompt, "completion_tokens": self.completion_tokens, "total_tokens": total}


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
    generation = Generation(request)
    if request.stream:
        headers = {"X-Accel-Buffering": "no"}  # nginx forwards each event at once
        return StreamingResponse(events(generation), media_type="text/event-stream", headers=headers)
    return JSONResponse(await completion(generation))
