"""Servers as processes on loopback: started, awaited, and ended."""

import os
import random
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

PYTHON = Path(os.environ.get("CONFORMANCE_REAL_PYTHON", ""))
"""The interpreter of the servers' environment."""
PORTS = range(20000, 32000)
START_S, END_S, LOOK_EACH_S = 90, 10, 0.1


def free_port():
    """A port that is free now, below those that the system gives away by chance before a server binds it."""
    for port in random.sample(PORTS, len(PORTS)):
        try:
            with closing(socket.create_server(("127.0.0.1", port))):
                return port
        except OSError:
            continue
    raise RuntimeError("no port is free")


@contextmanager
def running(name, folder, command, *, ready="", cwd=None, environ=None):
    """Run a server until the end of the block, which begins when the URL `ready` answers 200; without it, at once.

    Its output is kept in the folder, and is part of the RuntimeError if it does not start.
    """
    output = folder / f"{name}.log"
    with (
        output.open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=os.environ | (environ or {}),
        ) as server,
    ):
        try:
            if ready:
                await_answer(ready, server, output)
            yield
        finally:
            end(server)


def await_answer(url, server, output):
    deadline = time.monotonic() + START_S
    while not answers(url):
        try:
            state = f"ended with {server.wait(LOOK_EACH_S)}"
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            state = f"did not respond within {START_S} s"
        said = output.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{output.stem} {state}; its output:\n{said}")


def answers(url):
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def end(server):
    server.terminate()
    try:
        server.wait(END_S)
    except subprocess.TimeoutExpired:
        server.kill()
