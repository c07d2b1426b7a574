"""Real third-party servers, each a process on a free loopback port."""

import os
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("CONFORMANCE_REAL_PYTHON", ""))
# Of the model's weights and of its sampling: another seed generates other noise, and must get the same verdicts.
SEED = os.environ.get("CONFORMANCE_REAL_SEED", "9")
START_S, END_S, LOOK_EACH_S = 60, 10, 0.1


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


def answers(url):
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def serving(name, folder, port, *command):
    """Run a server until the end of the block; yields its base URL once it is ready. Its output is kept for errors."""
    output = folder / f"{name}.log"
    with (
        output.open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT) as server,
    ):
        try:
            await_answer(f"http://127.0.0.1:{port}/health", server, output)
            yield f"http://127.0.0.1:{port}/v1"
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
        pytest.fail(f"{output.stem} {state}; its output:\n{output.read_text(errors='replace')[-3000:]}")


def end(server):
    server.terminate()
    try:
        server.wait(END_S)
    except subprocess.TimeoutExpired:
        server.kill()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


@contextmanager
def serving_llama_cpp(name, folder, *of_model):
    """llama.cpp's own HTTP server with a tiny model of random weights, generated on the spot."""
    model, port = folder / f"{name}.gguf", free_port()
    subprocess.run([PYTHON, HERE / "tiny_model.py", model, SEED, *of_model], check=True)
    with serving(name, folder, port, PYTHON, HERE / "llama_cpp.py", model, str(port), SEED) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp(folder):
    """A model that generates complete characters."""
    with serving_llama_cpp("llama_cpp", folder) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp_in_halves(folder):
    """A model whose first token is often an incomplete UTF-8 character."""
    with serving_llama_cpp("llama_cpp_in_halves", folder, "2.0") as url:
        yield url


@contextmanager
def serving_vllm_router(folder, upstream):
    """vLLM's router in front of another server."""
    port = str(free_port())
    workers = ("--worker-urls", upstream.removesuffix("/v1"), "--policy", "round_robin")
    ports = ("--host", "127.0.0.1", "--port", port, "--prometheus-port", str(free_port()))
    with serving("vllm_router", folder, port, PYTHON.with_name("vllm-router"), *workers, *ports) as url:
        yield url


@contextmanager
def serving_llmock(folder):
    """A mock of ten providers, for testing clients."""
    port = str(free_port())
    command = (PYTHON.with_name("llmock"), "serve", "--host", "127.0.0.1", "--port", port)
    with serving("llmock", folder, port, *command) as url:
        yield url


@pytest.fixture(scope="session")
def vllm_router(folder, llama_cpp):
    with serving_vllm_router(folder, llama_cpp) as url:
        yield url


@pytest.fixture(scope="session")
def llmock(folder):
    with serving_llmock(folder) as url:
        yield url
