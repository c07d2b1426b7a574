"""A toy model behind FastAPI: it streams."""

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


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]
    stream: bool = False


def words(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


async def generate(messages: list[Message]) -> AsyncIterator[str]:
    """The model: yield one token after the other."""
    for word in words(f"You said: {messages[-1].content}"):
        await asyncio.sleep(0.005)
        yield word


def envelope(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


async def events(request: ChatRequest) -> AsyncIterator[str]:
    """The role, a chunk for each token, the finish reason, and the end marker."""
    common = envelope("chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
        return event({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield chunk({"role": "assistant", "content": ""})
    async for token in generate(request.messages):
        yield chunk({"content": token})
    yield chunk({}, "stop")
    yield "data: [DONE]\n\n"


async def completion(request: ChatRequest) -> dict[str, Any]:
    content = "".join([token async for token in generate(request.messages)])
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {**envelope("chat.completion"), "choices": [choice]}


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest) -> Response:
    if request.stream:
        return StreamingResponse(events(request), media_type="text/event-stream")
    return JSONResponse(await completion(request))
