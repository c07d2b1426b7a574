"""The gate against a real server: llama.cpp's own, with a tiny model of random weights made on the spot.

`llama_cpp.json` lists every MUST that it fails, each with the reason and the octets that show it to be true.
"""

import json
import os
import socket
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from conformance.gate import Options, record
from conformance.judge import judge
from conformance.selftest import PROFILES, Silent
from conformance.store.folder import RunFolder
from conformance.target import Target
from conformance.verdict import Level, Status
from conformance.wire.limits import Limits

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "llama_cpp.json").read_text())
PYTHON = os.environ.get("CONFORMANCE_REAL_PYTHON")

pytestmark = [
    pytest.mark.realserver,
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """The base URL of a running llama.cpp server."""
    model = tmp_path_factory.mktemp("model") / "tiny.gguf"
    subprocess.run([PYTHON, HERE / "tiny_model.py", model], check=True)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [PYTHON, HERE / "llama_cpp.py", model, str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, text=True) as server:
        try:
            assert any(line.startswith("listening on") for line in server.stdout), "llama.cpp did not start"
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def run(llama, tmp_path_factory):
    """The recorded run and its judgement."""
    folder = RunFolder.create(tmp_path_factory.mktemp("run") / "run")
    target = Target(name="llama.cpp", base_url=llama, model="tiny")
    options = Options(target=target, profiles=PROFILES, limits=Limits(timeout_s=120), concurrency=4)

    async def fire():
        return await record(options, folder, Silent())

    facts = anyio.run(fire)
    assert facts.stopped == ""
    return folder, judge(facts, folder.exchange, folder.ids())


def test_no_verdict_is_our_own_error(run):
    _, judged = run
    assert [v for v in judged.verdicts if v.status is Status.ERROR] == []


def test_the_gate_asks_and_verifies_a_lot(run):
    _, judged = run
    statuses = Counter(v.status for v in judged.verdicts)
    assert judged.requests >= 60
    assert statuses[Status.PASS] > 500


def test_every_failing_must_is_explained(run):
    _, judged = run
    failed = {(v.rule, v.probe, v.mode) for v in judged.verdicts if v.status is Status.FAIL and v.level is Level.MUST}
    explained = {(e["rule"], e["probe"], mode) for e in EXPECTED for mode in e["modes"]}
    assert failed == explained


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda e: f"{e['rule']}-{e['probe']}")
def test_the_octets_show_it(run, expected):
    folder, judged = run
    named = {
        name
        for v in judged.verdicts
        if v.status is Status.FAIL and (v.rule, v.probe) == (expected["rule"], expected["probe"])
        for name in v.exchanges
    }
    shown = [folder.exchange(name) for name in named]
    assert any(expected["octets"].encode() in x.heard and expected["sent"].encode() in x.sent for x in shown)
