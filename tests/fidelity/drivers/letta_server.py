"""Letta: its own server, and one agent per job that sends its requests to the job's URL.

Letta 0.11 stores its agents in SQLite; 0.16 needs PostgreSQL.
"""

import asyncio
import importlib.metadata
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
from contextlib import contextmanager
from pathlib import Path

import jobs

LETTA = Path(__file__).with_name("letta_cli.py")
STARTS_WITHIN_S = 300
AGENTS = {"0.11": "memgpt_v2_agent", "0.16": "letta_v1_agent"}
"""The type of agent that each version makes by default."""
VERSION = ".".join(importlib.metadata.version("letta").split(".")[:2])


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
        "agent_type": AGENTS[VERSION],
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
        elif message.get("message_type") == "error_message":
            raise RuntimeError(f"{message.get('message')} {message.get('detail')}"[:300])
        elif message.get("message_type") == "stop_reason" and message.get("stop_reason") == "error":
            raise RuntimeError("stop_reason error")


def messages(reply, *, streamed):
    if not streamed:
        return json.loads(reply)["messages"]
    lines = (line.removeprefix("data: ") for line in reply.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]" and line.startswith("{")]


def embeddings(job, said):
    """What an agent does with a passage before it is stored."""
    from letta.llm_api.openai_client import OpenAIClient  # noqa: PLC0415 - it reads the server's settings
    from letta.schemas.embedding_config import EmbeddingConfig  # noqa: PLC0415 - as above

    config = EmbeddingConfig(**embedding(job["url"]))
    said.hold(asyncio.run(OpenAIClient().request_embeddings([jobs.WORDS], config)))


@contextmanager
def database(home, environ):
    """The variables that tell the server where its database is, which lives as long as the context."""
    if VERSION == "0.11":
        yield {}
        return
    from postgres import postgres  # noqa: PLC0415 - only this version's environment has it

    with postgres(home / "postgres") as folder:
        told = {"LETTA_PG_URI": f"postgresql://postgres@localhost/postgres?host={folder}&sslmode=disable"}
        tables = [sys.executable, Path(__file__).with_name("letta_tables.py")]
        subprocess.run(tables, env=environ | told, check=True, capture_output=True)
        yield told


@contextmanager
def serving(environ):
    """Letta's server; yields its URL once it is ready."""
    port = free_port()
    command = [sys.executable, LETTA, "server", "--port", str(port)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environ, **pipes) as server:
        try:
            base = f"http://127.0.0.1:{port}"
            wait_until_ready(server, base)
            yield base
        finally:
            end(server)


def wait_until_ready(server, base):
    give_up = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            ask(base, "/v1/health/")
        except OSError:
            if time.monotonic() > give_up or server.poll() is not None:
                raise
            time.sleep(0.5)
        else:
            return


def end(server):
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()


with tempfile.TemporaryDirectory() as home:
    Path(home).chmod(0o755)  # PostgreSQL may run as another user
    environ = {"PATH": os.environ["PATH"], "HOME": home, "LETTA_DIR": home, "OPENAI_API_KEY": jobs.KEY}
    with database(Path(home), environ) as told, serving(environ | told) as base:
        jobs.run({"chat": lambda job, said: turn(base, job, said), "embeddings": embeddings}, at_once=2)
