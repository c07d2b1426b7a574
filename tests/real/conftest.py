"""Real third-party servers, each a process on a free loopback port."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import PYTHON, free_port, running

HERE = Path(__file__).parent
# Of the model's weights and of its sampling: another seed generates other noise, and must get the same verdicts.
SEED = os.environ.get("CONFORMANCE_REAL_SEED", "9")


@contextmanager
def serving(name, folder, port, *command):
    """Run a server until the end of the block; yields its base URL once it is ready."""
    with running(name, folder, command, ready=f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


@contextmanager
def serving_llama_cpp(name, folder, *of_model, options=()):
    """llama.cpp's own HTTP server with a tiny model of random weights, generated on the spot."""
    model, port = folder / f"{name}.gguf", free_port()
    subprocess.run([PYTHON, HERE / "tiny_model.py", model, SEED, *of_model], check=True)
    with serving(name, folder, port, PYTHON, HERE / "llama_cpp.py", model, str(port), SEED, *options) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp(folder):
    """A model that generates complete characters."""
    with serving_llama_cpp("llama_cpp", folder) as url:
        yield url


@pytest.fixture(scope="session")
def llama_cpp_embeddings(folder):
    with serving_llama_cpp("llama_cpp_embeddings", folder, options=("embeddings",)) as url:
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


@pytest.fixture(scope="session")
def llmock_embeddings(llmock):
    return llmock
