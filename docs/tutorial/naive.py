"""A toy model behind FastAPI, as a first version is often written."""

import time

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Message(BaseModel):
    role: str
    content: str


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]


def generate(messages: list[Message]) -> str:
    return f"You said: {messages[-1].content}"


@app.post("/v1/chat/completions")
def chat(request: ChatRequest):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": time.time(),
        "model": "toy",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": generate(request.messages)},
                "finish_reason": "stop",
            }
        ],
    }
