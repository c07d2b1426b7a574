"""Letta 0.11: its own server on SQLite, and one agent per job that sends its requests to the job's URL."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import jobs

LETTA = Path(sys.executable).with_name("letta")
STARTS_WITHIN_S = 300


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def ask(base, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers={"content-type": "application/json"})  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=100) as reply:  # noqa: S310 - as above
        return reply.read().decode()


def embedding(url):
    return {
        "embedding_endpoint_type": "openai",
        "embedding_endpoint": url,
        "embedding_model": "none",
        "embedding_dim": 8,
    }


def turn(base, job, said):
    llm = {
        "model": jobs.MODEL,
        "model_endpoint_type": "openai",
        "model_endpoint": job["url"],
        "context_window": 32000,
        "put_inner_thoughts_in_kwargs": True,
        "handle": f"openai/{jobs.MODEL}",
    }
    made = {
        "name": re.sub(r"\W+", "-", job["id"]),
        "agent_type": "memgpt_v2_agent",
        "llm_config": llm,
        "embedding_config": embedding(job["url"]),
    }
    agent = json.loads(ask(base, "/v1/agents/", made))
    path = f"/v1/agents/{agent['id']}/messages" + ("/stream" if job["mode"] == "stream" else "")
    asked = {"messages": jobs.TASK} | ({"stream_tokens": True} if job["mode"] == "stream" else {})
    try:
        reply = ask(base, path, asked)
    except urllib.error.HTTPError as refused:
        raise RuntimeError(refused.read().decode()[:300]) from None
    for message in messages(reply, streamed=job["mode"] == "stream"):
        if "error" in message and "message_type" not in message:
            raise RuntimeError(str(message["error"])[:300])
        if message.get("message_type") == "assistant_message":
            said.add(message["content"])
        elif message.get("message_type") == "tool_call_message":
            call = message["tool_call"]
            said.call(0, call.get("name"), call.get("arguments"))
        elif message.get("message_type") == "stop_reason" and message.get("stop_reason") == "error":
            raise RuntimeError("stop_reason error")


def messages(reply, *, streamed):
    if not streamed:
        return json.loads(reply)["messages"]
    lines = (line.removeprefix("data: ") for line in reply.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]" and line.startswith("{")]


with tempfile.TemporaryDirectory() as home:
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "HOME": home, "LETTA_DIR": home, "OPENAI_API_KEY": jobs.KEY}
    command = [LETTA, "server", "--port", str(port)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environ, **pipes) as server:
        try:
            base, give_up = f"http://127.0.0.1:{port}", time.monotonic() + STARTS_WITHIN_S
            while True:
                try:
                    ask(base, "/v1/health/")
                    break
                except OSError:
                    if time.monotonic() > give_up or server.poll() is not None:
                        raise
                    time.sleep(0.5)
            jobs.run({"chat": lambda job, said: turn(base, job, said)}, at_once=2)
        finally:
            server.terminate()
